"""The first look at a file: its identity, whether it is text, in which encoding, and what a load is called."""

import gzip
import hashlib
import io
import lzma
import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.inspection import CHUNK_BYTES, Inspection, Inspector, encoding_of, inspect, load_id_of

BOTH = ("utf-8", "cp1252")
DIGEST = hashlib.sha256(b"").hexdigest()


def look(*chunks: bytes, encodings=BOTH) -> Inspection:
    inspector = Inspector("sales.csv", encodings)
    for chunk in chunks:
        inspector.feed(chunk)
    return inspector.finish()


def refusal(*chunks: bytes, encodings=BOTH) -> str:
    with pytest.raises(BadFile) as refused:
        look(*chunks, encodings=encodings)
    return str(refused.value)


def zipped(name: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "a,b\n1,2\n")
    return archive.getvalue()


# Encodings


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain ASCII", "utf-8"),
        ("naïve café, 100 €, 漢字, 😀".encode(), "utf-8"),
        ("\ufeffnaïve".encode(), "utf-8"),
        ("naïve café, £5".encode("cp1252"), "cp1252"),
        ("ends in é".encode("cp1252"), "cp1252"),
    ],
)
def test_the_first_encoding_that_the_whole_file_is_valid_in_is_its_encoding(content, encoding):
    assert look(content).encoding == encoding


def test_encodings_are_tried_in_the_order_of_the_profile():
    assert look("café".encode(), encodings=("cp1252", "utf-8")).encoding == "cp1252"


def test_a_later_encoding_that_fails_does_not_matter_while_an_earlier_one_fits():
    mixed = "café".encode() + b"\n" + "café".encode("cp1252")
    assert look(mixed, encodings=("cp1252", "utf-8")).encoding == "cp1252"


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), st.data())
def test_a_character_cut_by_the_end_of_a_chunk_is_still_that_character(text, data):
    content = text.encode()
    cut = data.draw(st.integers(0, len(content)))
    assert look(content[:cut], content[cut:], encodings=("utf-8",)) == look(content, encodings=("utf-8",))


def test_a_file_in_none_of_the_encodings_is_refused_with_the_byte_and_line_that_say_so():
    assert refusal(b"a,b\nc,\x81\n") == (
        "sales.csv: is in none of the source's encodings (byte 0x81 in line 2 is not valid in the first); "
        "export it in UTF-8 or name its encoding in the source's profile"
    )


def test_the_line_of_a_bad_byte_is_counted_across_chunks_and_cut_characters():
    euro = "€".encode()
    message = refusal(b"a\nb\n" + euro[:2], euro[2:] + b"\xff\n\n", encodings=("utf-8",))
    assert message.startswith("sales.csv, line 3: begins as UTF-8, but byte 0xff isn't")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_whatever_ends_them(line_end):
    message = refusal(line_end.join([b"a", b"b", b"c\0"]))
    assert message == "sales.csv, line 3: holds a NUL byte, so it is no text file"


@pytest.mark.parametrize(
    "content",
    ["café\nna".encode() + "ï".encode()[:1], "café\n".encode() + "naïve".encode("cp1252"), b"\xef\xbb\xbfa\nb\xe9"],
    ids=["cut inside a character", "UTF-8 first, cp1252 later", "byte order mark before cp1252"],
)
def test_damaged_utf8_is_not_read_as_cp1252_which_would_garble_every_good_character(content):
    byte = "0xc3" if content.endswith(b"\xc3") else "0xe9" if content.endswith(b"\xe9") else "0xef"
    assert refusal(content) == (
        f"sales.csv, line 2: begins as UTF-8, but byte {byte} isn't: "
        "it was cut short or holds two encodings; export it again"
    )


# Files that aren't text


def test_an_empty_file_is_refused():
    assert refusal() == "sales.csv: the file is empty"
    assert refusal(b"") == "sales.csv: the file is empty"


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"{\\rtf1 sales}", b"PARE....PARE"])
def test_a_file_that_holds_no_table_is_refused_by_what_it_is(content):
    assert refusal(content).endswith("; export it as CSV, Excel, Parquet or JSON")


@pytest.mark.parametrize(
    "content",
    [
        *[zipped("a.csv"), zipped("xl/workbook.xml"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1....PAR1"],
        *[gzip.compress(b"a,b\n", mtime=0), lzma.compress(b"a,b\n")],
    ],
)
def test_the_bytes_of_a_packed_or_binary_file_have_no_encoding(content):
    assert look(content) == Inspection(hashlib.sha256(content).hexdigest(), len(content), None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_says_by_its_mark_what_it_is_whatever_the_source_expects(encoding):
    content = "\ufeffcafé\n漢字".encode("utf-16-be") if encoding == "utf-16-be" else "café\n漢字".encode(encoding)
    assert look(content[:3], content[3:]).encoding == "utf-16"
    assert refusal(content + "\0".encode("utf-16-be")).endswith("holds a NUL character, so it is no text file")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
def test_the_encoding_of_a_packed_text_is_that_of_what_is_in_it(tmp_path, pack):
    path = tmp_path / "sales.csv"
    path.write_bytes(pack("a,b\ncafé,1\n".encode("cp1252")))
    assert encoding_of(path, BOTH) == "cp1252"


def test_utf16_without_a_byte_order_mark_is_refused_for_its_nul_bytes():
    assert refusal("a,b".encode("utf-16-le")) == "sales.csv, line 1: holds a NUL byte, so it is no text file"


def test_a_nul_byte_is_found_wherever_it_is():
    assert refusal(b"a,b\n", b"1,2\n3", b"\0,4") == "sales.csv, line 3: holds a NUL byte, so it is no text file"


# Identity


def test_an_inspection_tells_size_and_digest_of_the_very_bytes(tmp_path):
    content = os.urandom(8).hex().encode() * (CHUNK_BYTES // 8)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert inspect(path, BOTH) == Inspection(hashlib.sha256(content).hexdigest(), len(content), "utf-8")


@given(st.lists(st.binary()))
def test_any_bytes_in_any_chunks_are_either_told_or_refused(chunks):
    try:
        inspection = look(*chunks)
    except BadFile:
        return
    content = b"".join(chunks)
    content.decode(inspection.encoding or "latin-1")
    assert inspection.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("file_name", "stem"),
    [
        ("2010-12-01.csv", "2010-12-01"),
        ("Online Retail (1).csv", "Online Retail (1)"),
        ("sales.2010.12.csv", "sales.2010.12"),
        ("in/box/sales.csv", "sales"),
        ("C:\\in\\sales.csv", "C__in_sales"),
        ("Verkäufe 漢字.csv", "Verkäufe 漢字"),
        ("a'b\"c;d|e*f?.csv", "a_b_c_d_e_f_"),
        ("a\nb\tc\0d.csv", "a_b_c_d"),
        ("a...b.csv", "a_b"),
        ("..", "_"),
        (".csv", ".csv"),
        ("😀.csv", "_"),
        ("not unicode \udcff.csv", "not unicode _"),
        (" .csv", "file"),
        ("", "file"),
    ],
)
def test_a_load_is_named_after_its_file_in_characters_that_every_store_takes(file_name, stem):
    assert load_id_of(file_name, DIGEST) == f"{stem}-{DIGEST[:12]}"


@given(st.text(max_size=300))
def test_a_load_id_is_always_a_partition_key_and_a_file_name(file_name):
    load_id = load_id_of(file_name, DIGEST)
    assert load_id.endswith(f"-{DIGEST[:12]}")
    assert load_id.isprintable()
    assert not set(load_id) & set("/\\\0")
    assert "..." not in load_id
    assert len(load_id.encode()) <= 200


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_the_load_of_a_file_with_a_very_long_name_still_has_a_file_name(tmp_path, letter):
    load_id = load_id_of(letter * 400 + ".csv", DIGEST)
    (tmp_path / f"{load_id}.csv").touch()
    assert load_id.startswith(letter * 60)
