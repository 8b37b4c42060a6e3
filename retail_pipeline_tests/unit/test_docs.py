"""What the documents name exists, and what exists is documented."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from retail_pipeline.cli import main
from retail_pipeline.marts.catalogue import marts, schema
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceProfile

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("[A-Z]*.md"), *ROOT.glob("docs/*.md")]
}


def commands(group: click.Group, prefix: str = "retail") -> dict[str, click.Command]:
    """Every command by its words."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        words = f"{prefix} {name}"
        if isinstance(command, click.Group):
            found |= commands(command, words)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[words] = command
    return found


def test_every_command_is_in_the_readme_and_every_command_there_exists():
    known = commands(main)
    for words in known:
        assert f"`{words}" in README, words
    for document in DOCUMENTS.values():
        for words in re.findall(r"(?:`|\$ )(retail [a-z]+(?: [a-z]+)?)", document):
            assert any(f"{words} ".startswith(f"{name} ") or name == words for name in known), words


def test_every_option_in_the_readme_exists():
    known = {option for command in commands(main).values() for parameter in command.params for option in parameter.opts}
    for option in re.findall(r"`retail [^`]*?(--[a-z-]+)", README):
        assert option in known


@pytest.mark.parametrize("words", [[], ["alerts"], ["db"], ["keys"], ["loads"], ["marts"], ["sources"]])
def test_the_help_says_in_a_whole_line_what_each_command_does(words):
    said = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).output
    listed = said.partition("Commands:")[2].splitlines()
    assert len(listed) > 1
    assert not [line for line in listed if line.endswith("...")]


def test_every_key_of_a_source_profile_is_in_the_readme():
    for key in SourceProfile.model_fields.keys() - {"folder"}:
        assert re.search(rf"`{key}`|^{key}: |`{key}: ", README, re.MULTILINE), key


def test_every_table_that_a_mart_refers_to_exists():
    for mart in marts().values():
        for name in re.findall(r"table `(\w+)`", mart.description):
            assert name in schema(), (mart.name, name)


def test_every_setting_is_in_the_readme_and_every_setting_there_exists():
    known = {f"RETAIL_{name.upper()}" for name in Settings.model_fields}
    table = set(re.findall(r"^\| `(RETAIL_[A-Z_]+)` \|", README, re.MULTILINE))
    assert table == known
    known |= set(re.findall(r"^RETAIL_\w+", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS.values():
        assert set(re.findall(r"RETAIL_[A-Z_]+", document)) <= known | {
            "RETAIL_BENCH_DATABASE_URL",
            "RETAIL_TEST_MYSQL_URL",
            "RETAIL_TEST_DATA",
            "RETAIL_TEST_EXAMPLES",
            "RETAIL_TEST_TABLEAU_XSD",
        }


def test_every_table_for_people_is_in_the_readme():
    people = {"loads", "raw_order_lines", "order_lines", "superseded_lines", "quarantined_lines"}
    for name in people | {mart.name for mart in marts().values() if mart.is_for_people}:
        assert f"`{name}`" in README, name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document):
    text = DOCUMENTS[document]
    linked = [link.partition("#")[0] for link in re.findall(r"\]\(([^)#][^)]*)\)", text) if "://" not in link]
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|yaml|sql|md))`", text)
    examples = {"my_shop.yaml", "mart_something.sql", "mart_something.yaml"}
    for path in [*linked, *named]:
        path = path.partition("#")[0]
        if Path(path).name not in examples:
            assert any(
                (ROOT / folder / path).exists()
                for folder in (
                    Path(document).parent,
                    "",
                    "retail_pipeline",
                    "retail_pipeline_tests",
                    "retail_pipeline/warehouse",
                    "docs",
                    "retail_pipeline/marts",
                    "retail_pipeline/dashboards",
                )
            ), path


def test_every_place_that_an_alert_points_to_is_a_heading_of_the_guide():
    from retail_pipeline.alerts import alert

    headings = {
        re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.*)$", DOCUMENTS[alert.GUIDE], re.MULTILINE)
    }
    assert {alert.A_RUN_FAILED, alert.A_CHECK_FAILED, alert.HELD_BACK, alert.STALE, alert.REFUSED} <= headings


def test_every_make_target_that_the_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", README):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_the_example_profile_in_the_readme_is_one(tmp_path):
    from retail_pipeline.sources.profile import read_profile

    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "name: my_shop" in block]
    path = tmp_path / "my_shop.yaml"
    path.write_text(example, encoding="utf-8")
    assert read_profile(path).currency == "EUR"


def test_requirements_record_no_download_addresses():
    for name in ("requirements.txt", "requirements-api.txt", "requirements-dev.txt", "requirements-spark.txt"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
