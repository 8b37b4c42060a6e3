#!/usr/bin/env bash
# Makes the databases and their users on a MySQL or MariaDB server, and may be run again: passwords are then set anew.
#
#   retail   the pipeline: everything in the database `retail`, and what it may do there it may hand on to the next two
#   api      serves the API, and tableau, for BI tools: nothing yet; `retail db grant` gives them what they need
#   dagster  Dagster's own storage: everything in the database `dagster`, and nothing in the other
#
# The image of MySQL runs it when its data folder is new. Elsewhere, give it the options of the client `mysql`:
#
#   deploy/database-users.sh --host=db-host --user=admin
#
# Passwords come from the environment, and may hold any ASCII characters.
set -euo pipefail

: "${MYSQL_ROOT_PASSWORD?is not set: the password of the user who makes the others, which may be empty}"
: "${RETAIL_DB_PASSWORD:?is not set}" "${API_DB_PASSWORD:?is not set}"
: "${TABLEAU_DB_PASSWORD:?is not set}" "${DAGSTER_DB_PASSWORD:?is not set}"
: "${RETAIL_DB:=retail}" "${DAGSTER_DB:=dagster}"
: "${RETAIL_DB_USER:=retail}" "${API_DB_USER:=retail_api}" "${TABLEAU_DB_USER:=tableau}" "${DAGSTER_DB_USER:=dagster}"

text() { # as a literal of SQL
  local quote="'" escaped=${1//\\/\\\\}
  printf "'%s'" "${escaped//$quote/$quote$quote}"
}

user() { # NAME PASSWORD
  printf "CREATE USER IF NOT EXISTS %s IDENTIFIED BY %s;\n" "$(text "$1")" "$(text "$2")"
  printf "ALTER USER %s IDENTIFIED BY %s;\n" "$(text "$1")" "$(text "$2")"
}

database() { # NAME USER [OPTION]
  printf "CREATE DATABASE IF NOT EXISTS \`%s\` CHARACTER SET utf8mb4;\n" "$1"
  printf "GRANT ALL ON \`%s\`.* TO %s %s;\n" "${1//_/\\_}" "$(text "$2")" "${3:-}" # _ is a wildcard there
}

MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --user=root --default-character-set=utf8mb4 "$@" <<SQL
SET sql_mode = ''; -- in which a backslash is an escape
$(user "$RETAIL_DB_USER" "$RETAIL_DB_PASSWORD")
$(user "$API_DB_USER" "$API_DB_PASSWORD")
$(user "$TABLEAU_DB_USER" "$TABLEAU_DB_PASSWORD")
$(user "$DAGSTER_DB_USER" "$DAGSTER_DB_PASSWORD")
$(database "$RETAIL_DB" "$RETAIL_DB_USER" "WITH GRANT OPTION")
$(database "$DAGSTER_DB" "$DAGSTER_DB_USER")
SQL
