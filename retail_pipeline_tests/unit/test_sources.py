"""Source profiles: what one may say, what is refused, and which one a file belongs to."""

from pathlib import Path

import pytest
import yaml

from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.intake.recognition import recognise
from retail_pipeline.sources import SourceCatalogue, SourceProfile
from retail_pipeline.sources.dates import DIRECTIVES
from retail_pipeline.sources.profile import read_profile

ONLINE_RETAIL = {
    "invoice_no": "InvoiceNo",
    "product_code": "StockCode",
    "description": "Description",
    "quantity": "Quantity",
    "invoiced_at": "InvoiceDate",
    "unit_price": "UnitPrice",
    "customer_id": "CustomerID",
    "country": "Country",
}
HEADER = list(ONLINE_RETAIL.values())
MINIMAL = {
    "name": "till",
    "description": "The till in the corner shop.",
    "columns": {
        "invoice_no": "receipt",
        "product_code": "article",
        "quantity": "pieces",
        "invoiced_at": "time",
        "unit_price": "price",
    },
    "date_formats": ["%Y-%m-%d"],
    "time_zone": "Europe/Vienna",
    "currency": "EUR",
}


def write(folder: Path, stem: str = "till", /, **changes) -> Path:
    path = folder / f"{stem}.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, "name": stem, **changes}), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as refused:
        read_profile(path)
    return str(refused.value).replace(str(path), path.name)


# What is shipped


def test_online_retail_is_shipped_and_says_what_the_design_says():
    profile = SourceCatalogue().get("online_retail")
    assert profile.columns == ONLINE_RETAIL
    assert profile.encodings == ("utf-8", "cp1252")
    assert profile.cancellation.invoice_prefix == "C"
    assert set(profile.non_product_codes) == {
        *("POST", "DOT", "M", "C2", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK", "GIFT_0001_*")
    }
    assert (profile.currency, profile.time_zone) == ("GBP", "Europe/London")
    assert (profile.overlap, profile.repeats) == ("replace", "keep")


def test_a_profile_need_not_say_what_is_usual(tmp_path):
    profile = read_profile(write(tmp_path))
    assert (profile.delimiter, profile.encodings) == (",", ("utf-8",))
    assert (profile.cancellation, profile.non_product_codes) == (None, ())
    assert profile.missing_country == "Unspecified"
    assert (profile.overlap, profile.repeats) == ("replace", "keep")


# What is refused, by file and key


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"nmae": "x"}, "nmae: Extra inputs are not permitted"),
        ({"name": "Corner Shop"}, "name: String should match pattern '^[a-z][a-z0-9_]{0,63}$'"),
        ({"name": 7}, "name: Input should be a valid string"),
        ({"currency": "eur"}, "currency: String should match pattern '^[A-Z]{3}$'"),
        ({"time_zone": "Mars/Phobos"}, "time_zone: unknown time zone 'Mars/Phobos'"),
        ({"encodings": ["utf-8", "cp9999"]}, "encodings: unknown encoding 'cp9999'"),
        ({"encodings": ["rot13"]}, "encodings: unknown encoding 'rot13'"),
        ({"encodings": []}, "encodings: Tuple should have at least 1 item after validation, not 0"),
        ({"encodings": "utf-8"}, "encodings: Input should be a valid tuple"),
        ({"delimiter": ";;"}, "delimiter: String should have at most 1 character"),
        ({"delimiter": ""}, "delimiter: String should have at least 1 character"),
        ({"date_formats": []}, "date_formats: Tuple should have at least 1 item after validation, not 0"),
        (
            {"cancellation": {"invoice_prefix": ""}},
            "cancellation.invoice_prefix: String should have at least 1 character",
        ),
        ({"cancellation": {"prefix": "C"}}, "cancellation.prefix: Extra inputs are not permitted"),
        ({"non_product_codes": ["POST", 7]}, "non_product_codes.1: Input should be a valid string"),
        ({"overlap": "merge"}, "overlap: Input should be 'replace' or 'append'"),
        ({"repeats": "once"}, "repeats: Input should be 'keep' or 'drop'"),
        ({"missing_country": ""}, "missing_country: String should have at least 1 character"),
        ({"missing_country": "x" * 101}, "missing_country: String should have at most 100 characters"),
    ],
)
def test_a_mistake_in_a_profile_is_named_by_file_and_key(tmp_path, changes, complaint):
    assert refusal(write(tmp_path, **changes)) == f"till.yaml: {complaint}"


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0"])
def test_a_delimiter_that_csv_gives_another_meaning_is_refused(tmp_path, delimiter):
    assert refusal(write(tmp_path, delimiter=delimiter)).startswith("till.yaml: delimiter: ")


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            {"colour": "color"},
            "'colour' is no column of an order line; those are invoice_no, product_code, description, ",
        ),
        ({"country": "price"}, "the export's column 'price' is mapped twice"),
    ],
)
def test_columns_that_make_no_order_line_are_refused(tmp_path, columns, complaint):
    path = write(tmp_path, columns=MINIMAL["columns"] | columns)
    assert refusal(path).startswith(f"till.yaml: columns: {complaint}")


@pytest.mark.parametrize("column", MINIMAL["columns"])
def test_every_column_that_an_order_line_needs_must_be_mapped(tmp_path, column):
    columns = {name: theirs for name, theirs in MINIMAL["columns"].items() if name != column}
    assert refusal(write(tmp_path, columns=columns)) == f"till.yaml: columns: {column!r} is not mapped"


def test_a_column_of_the_export_needs_a_name(tmp_path):
    path = write(tmp_path, columns=MINIMAL["columns"] | {"country": " "})
    assert refusal(path) == "till.yaml: columns.country: a column of the export needs a name"


def test_blanks_around_a_column_name_do_not_count_in_a_profile_as_they_do_not_in_a_header(tmp_path):
    profile = read_profile(write(tmp_path, columns=MINIMAL["columns"] | {"country": " land "}))
    assert profile.columns["country"] == "land"


@pytest.mark.parametrize(
    "content",
    [
        b"columns: [a",
        b"name: \xff",
        b"name: 2010-99-99",
        b"name: " + b"9" * 5000,
        b"[" * 500,
        b"? [a]\n: b",
        b"\0",
    ],
    ids=["syntax", "not UTF-8", "no such day", "endless number", "endless nesting", "list as key", "NUL"],
)
def test_a_file_that_is_no_yaml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "till.yaml"
    path.write_bytes(content)
    assert refusal(path).startswith("till.yaml: not a readable YAML file: ")


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just text", "7"])
def test_yaml_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "till.yaml"
    path.write_text(content)
    assert refusal(path) == "till.yaml: a source profile is a mapping of keys to values"


@pytest.mark.parametrize("content", ["1: 2", "null: 1", "name: till"])
def test_a_mapping_that_is_no_profile_is_refused_for_the_first_key_it_lacks(tmp_path, content):
    path = tmp_path / "till.yaml"
    path.write_text(content)
    assert refusal(path).endswith(": Field required")


def test_a_profile_that_is_not_there_is_bad_input(tmp_path):
    (tmp_path / "till.yaml").mkdir()
    assert refusal(tmp_path / "till.yaml").startswith("till.yaml: not a readable YAML file: ")


# Encodings, codes, dates


@pytest.mark.parametrize(("written", "known_as"), [("UTF8", "utf-8"), ("utf_8", "utf-8"), ("Windows-1252", "cp1252")])
def test_an_encoding_may_be_written_by_any_of_its_names(tmp_path, written, known_as):
    assert read_profile(write(tmp_path, encodings=[written])).encodings == (known_as,)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-7", "cp037"])
def test_an_encoding_in_which_a_comma_may_be_other_bytes_is_refused(tmp_path, encoding):
    assert refusal(write(tmp_path, encodings=[encoding])) == (
        f"till.yaml: encodings: encoding {encoding!r} doesn't extend ASCII; exports in it have to be converted to UTF-8"
    )


@pytest.mark.parametrize("code", ["post", " POST", "POST ", ""])
def test_a_non_product_code_that_no_line_can_have_is_refused(tmp_path, code):
    assert refusal(write(tmp_path, non_product_codes=["DOT", code])) == (
        f"till.yaml: non_product_codes: {code!r} fits no line, for product codes are trimmed and in upper case"
    )


@pytest.mark.parametrize(
    "format",
    [
        *("%Y-%m-%d", "%d.%m.%y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S.%f"),
        *("%d %b %Y", "%B %d, %Y", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%S%z"),
    ],
)
def test_a_date_format_that_tells_the_day_is_taken(tmp_path, format):
    assert read_profile(write(tmp_path, date_formats=[format])).date_formats == (format,)


@pytest.mark.parametrize(
    ("format", "complaint"),
    [
        ("%Y-%m-%d %Q", "'%Q' is none of " + ", ".join(DIRECTIVES)),
        ("%Y-%m-%d %Z", "'%Z' is none of " + ", ".join(DIRECTIVES)),
        ("%x", "'%x' is none of " + ", ".join(DIRECTIVES)),
        ("%Y-%j", "'%j' is none of " + ", ".join(DIRECTIVES)),
        ("%Y-%m-%d %", "'%' is none of " + ", ".join(DIRECTIVES)),
        ("%d/%d/%Y", "'%d' stands in it twice"),
        ("%H:%M", "year, month and day must be in it, each once"),
        ("%Y-%m", "year, month and day must be in it, each once"),
        ("%Y-%y-%m-%d", "year, month and day must be in it, each once"),
        ("ISO8601", "year, month and day must be in it, each once"),
        ("mixed", "year, month and day must be in it, each once"),
        ("", "year, month and day must be in it, each once"),
        ("%Y-%m-%d %I:%M", "%I and %p need each other, or morning and evening look the same"),
    ],
)
def test_a_date_format_that_leaves_something_to_guess_is_refused(tmp_path, format, complaint):
    path = write(tmp_path, date_formats=["%Y-%m-%d", format])
    assert refusal(path) == f"till.yaml: date_formats.1: {format!r}: {complaint}"


# The catalogue


def test_the_catalogue_has_what_is_shipped_and_what_is_the_users_own(tmp_path):
    write(tmp_path)
    assert {profile.name for profile in SourceCatalogue(tmp_path)} >= {"online_retail", "till"}


def test_a_folder_that_is_not_there_adds_nothing(tmp_path):
    assert list(SourceCatalogue(tmp_path / "none")) == list(SourceCatalogue())


def test_an_own_profile_takes_the_place_of_a_shipped_one(tmp_path):
    write(tmp_path, "online_retail", currency="USD")
    catalogue = SourceCatalogue(tmp_path)
    assert catalogue.get("online_retail").currency == "USD"
    assert [profile.name for profile in catalogue].count("online_retail") == 1


def test_a_profile_must_be_named_like_its_file(tmp_path):
    path = write(tmp_path)
    renamed = path.rename(tmp_path / "shop.yaml")
    with pytest.raises(BadInput) as refused:
        SourceCatalogue(tmp_path)
    assert str(refused.value) == f"{renamed}: name: 'till' should be the file's name, 'shop'"


def test_an_unknown_source_is_answered_with_those_that_are_known(tmp_path):
    write(tmp_path, "corner_shop")
    with pytest.raises(BadInput, match=r"^unknown source 'till'; known are amazon_orders, corner_shop, online_retail"):
        SourceCatalogue(tmp_path).get("till")


# Recognition


def with_header(folder, header, delimiter=","):
    path = folder / "sales.csv"
    path.write_text(delimiter.join(f'"{name}"' for name in header) + "\n")
    return path


def test_a_file_is_of_the_one_source_whose_columns_it_has_whatever_else_it_has(tmp_path):
    write(tmp_path)
    catalogue = SourceCatalogue(tmp_path)
    assert recognise(with_header(tmp_path, ["Colour", *reversed(HEADER)]), catalogue).name == "online_retail"
    assert recognise(with_header(tmp_path, MINIMAL["columns"].values()), catalogue).name == "till"


def test_a_file_is_recognised_by_its_own_source_s_delimiter(tmp_path):
    write(tmp_path, delimiter=";")
    assert recognise(with_header(tmp_path, MINIMAL["columns"].values(), ";"), SourceCatalogue(tmp_path)).name == "till"


WHAT_TO_DO = "`retail sources infer` proposes a profile for them, or name a source with --source"


def test_a_file_that_lacks_a_column_of_every_source_is_refused_with_its_columns(tmp_path):
    with pytest.raises(BadFile) as refused:
        recognise(with_header(tmp_path, HEADER[:-1]), SourceCatalogue())
    assert str(refused.value) == (
        "sales.csv, line 1: no known source has these columns: "
        "InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID; "
        f"{WHAT_TO_DO}"
    )


def test_a_file_that_fits_several_sources_is_refused_with_their_names(tmp_path):
    write(tmp_path, "other_retail", columns=ONLINE_RETAIL)
    with pytest.raises(BadFile) as refused:
        recognise(with_header(tmp_path, HEADER), SourceCatalogue(tmp_path))
    assert str(refused.value) == (
        "sales.csv, line 1: several sources fit this header (online_retail, other_retail); name one with --source"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_file_is_recognised_in_each_encoding_of_the_known_sources(tmp_path, encoding):
    path = tmp_path / "sales.csv"
    path.write_text(",".join(HEADER) + "\n1,A,CAFÉ,1,12/1/2010 8:26,£1,,Österreich\n", encoding=encoding)
    assert recognise(path, SourceCatalogue()).name == "online_retail"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", ": the file is empty"),
        (b"\n \n", ": no header line: the file is blank"),
        (b"PK\x03\x04", ": is a damaged zip archive or workbook: File is not a zip file"),
        (b"a\0b", ", line 1: holds a NUL byte, so it is no text file"),
        (b"a,b\n1,2", f", line 1: no known source has these columns: a, b; {WHAT_TO_DO}"),
    ],
)
def test_a_file_that_no_source_could_read_is_refused_for_what_it_is(tmp_path, content, complaint):
    path = tmp_path / "sales.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile) as refused:
        recognise(path, SourceCatalogue())
    assert str(refused.value) == f"sales.csv{complaint}"


def test_a_profile_does_not_change_after_reading():
    with pytest.raises(ValueError, match="frozen"):
        SourceCatalogue().get("online_retail").currency = "USD"


def test_a_profile_read_back_from_what_it_says_is_the_same():
    profile = SourceCatalogue().get("online_retail")
    assert SourceProfile.model_validate(profile.model_dump()) == profile


def test_a_profile_may_extend_one_that_extends_another(tmp_path):
    (tmp_path / "own.yaml").write_text(
        "name: own\nextends: online_retail_ii\nsheet: Year 2009-2010\n", encoding="utf-8"
    )
    own, base = SourceCatalogue(tmp_path).get("own"), SourceCatalogue().get("online_retail_ii")
    assert (own.sheet, own.columns, own.date_formats) == ("Year 2009-2010", base.columns, base.date_formats)
