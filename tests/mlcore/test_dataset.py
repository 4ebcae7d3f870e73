"""Reading Moodle's dataset files."""

import csv
import io
import itertools
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.lab.course import Course
from mlcore import dataset, errors, read_labelled, read_unlabelled
from tests.mlcore.builders import make_column, make_file

MOODLE = r"""timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses
"\core\analytics\time_splitting\quarters",4,2024100706,"\core_course\analytics\target\course_dropout",discrete,"[0,1]"
range/0,range/1,"\core\analytics\indicator\any_access_after_end","\core\analytics\indicator\read_actions","\core_course\analytics\target\course_dropout"
1,0,-1,-0.54,1
0,1,,-1.00,0
"""
ROWS = "1,-0.5,,0\n-1.00,0,0.25,1\n"
X = np.array([[1, -0.5, np.nan], [-1, 0, 0.25]], dtype=np.float32)

UNLABELLED = "sampleid,a,b,c"

number_texts = st.from_regex(r"\A[+-]?([0-9]{1,12}\.?[0-9]{0,12}|\.[0-9]{1,12})\Z") | st.from_regex(
    r"\A[+-]?([0-9]{1,3}\.?[0-9]{0,7}|\.[0-9]{1,3})[eE][+-]?[0-9]{1,2}\Z"
)
number_texts = number_texts.filter(lambda text: abs(float(text)) < 3.4e38)
moodle_texts = st.integers(-100, 100).map(lambda hundredths: f"{hundredths / 100:g}") | st.just("")


def message_of(read, data):
    with pytest.raises(errors.DatasetError) as caught:
        read(data)
    return str(caught.value)


# what Moodle writes ------------------------------------------------------------------------------


def test_reads_the_file_that_moodle_writes():
    labelled = read_labelled(MOODLE.encode())
    np.testing.assert_array_equal(
        labelled.X, np.array([[1, 0, -1, -0.54], [0, 1, np.nan, -1]], dtype=np.float32)
    )
    assert labelled.X.dtype == np.float32
    assert labelled.X.flags.c_contiguous
    assert labelled.y.tolist() == [1, 0]
    assert labelled.y.dtype == np.int64
    assert labelled.classes == (0, 1)
    assert labelled.feature_names == (
        "range/0",
        "range/1",
        r"\core\analytics\indicator\any_access_after_end",
        r"\core\analytics\indicator\read_actions",
    )
    assert labelled.target == r"\core_course\analytics\target\course_dropout"
    assert labelled.time_splitting == r"\core\analytics\time_splitting\quarters"


METADATA = {
    "nfeatures": 3,
    "targetclasses": "[0,1]",
    "targettype": "discrete",
    "targetcolumn": "target",
    "moodleversion": 2024100706,
}


@pytest.mark.parametrize("names", [list(METADATA)[i:] + list(METADATA)[:i] for i in range(5)])
def test_finds_the_values_by_their_names(names):
    lines = [names, [METADATA[name] for name in names], ["a", "b", "c", "target"]]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    labelled = read_labelled((out.getvalue() + ROWS).encode())
    np.testing.assert_array_equal(labelled.X, X)
    assert labelled.classes == (0, 1)


def test_three_names_are_enough():
    data = b'nfeatures,targetclasses,targettype\n3,"[0,1]",discrete\na,b,c,target\n' + ROWS.encode()
    labelled = read_labelled(data)
    np.testing.assert_array_equal(labelled.X, X)
    assert (labelled.target, labelled.time_splitting) == ("target", "")


@pytest.mark.parametrize(
    "metadata",
    [
        {"nfeatures": "3|3"},
        {"targettype": "discrete|discrete"},
        {"targetclasses": "[0,1]|[0,1]"},
        {"targetclasses": "[0]|[1]"},
        {"timesplitting": r"\core\quarters|\core\tenths"},
        {"nfeatures": "3|4"},
        {"nfeatures": None},
        {"targettype": None},
    ],
)
def test_understands_values_joined_by_a_bar_and_absent_ones(metadata):
    labelled = read_labelled(make_file(ROWS, **metadata))
    np.testing.assert_array_equal(labelled.X, X)
    assert labelled.classes == (0, 1)


def test_an_empty_field_is_no_value():
    labelled = read_labelled(make_file(",,,0\n0,,1,1\n"))
    np.testing.assert_array_equal(labelled.X, [[np.nan] * 3, [0, np.nan, 1]])


@pytest.mark.parametrize(
    "data",
    [
        make_file(ROWS).replace(b"\n", b"\r\n"),
        b'\xef\xbb\xbftargetclasses,nfeatures\n"[0,1]",3\na,b,c,target\n' + ROWS.encode(),
        make_file(ROWS)[:-1],
        make_file(ROWS) + b"\n\n",
        b"\xef\xbb\xbf" + make_file(ROWS).replace(b"\n", b"\r\n")[:-2],
        make_file('"1","-0.5","","0"\n"-1.00",0,0.25,"1"\n'),
        make_file('"1","-0.5","","0"\n"-1.00",0,0.25,"1"').replace(b"\n", b"\r\n"),
    ],
    ids=["crlf", "bom", "unfinished", "blank end", "all", "quotes", "quotes with crlf"],
)
def test_line_ends_marks_and_quotes_change_nothing(data):
    labelled = read_labelled(data)
    np.testing.assert_array_equal(labelled.X, X)
    assert labelled.y.tolist() == [0, 1]


def test_column_names_may_be_alike():
    assert read_labelled(make_file(ROWS, "a,a,a,target")).feature_names == ("a", "a", "a")


def test_column_names_may_hold_commas_and_quotes():
    columns = '"a,""b""",ü,"","target"'
    assert read_labelled(make_file(ROWS, columns)).feature_names == ('a,"b"', "ü", "")


@pytest.mark.parametrize("odd", ["\n", "\t", "\x1b", "\u202e", "\u2028", "\x85"])
def test_what_cannot_be_printed_is_not_in_column_names(odd):
    """They end up in reports, and in files whose size is limited."""
    columns = f'"a{odd}",b,c,target'
    assert read_labelled(make_file(ROWS, columns)).feature_names == ("a?", "b", "c")


def test_lines_are_counted_past_line_ends_in_names():
    message = message_of(read_labelled, make_file("1,1,x,0\n", '"a\n\n",b,c,target'))
    assert message == "Line 6, column 3 of the dataset (c) holds x, which is not a number."


@pytest.mark.parametrize("at", range(4))
def test_the_target_is_the_column_that_targetcolumn_names(at):
    columns = ["a", "b", "c"]
    columns.insert(at, "goal")
    values = [".1", ".2", ".3"]
    values.insert(at, "1")
    labelled = read_labelled(
        make_file(",".join(values) + "\n", ",".join(columns), targetcolumn="goal")
    )
    np.testing.assert_array_equal(labelled.X, np.array([[0.1, 0.2, 0.3]], dtype=np.float32))
    assert labelled.X.flags.c_contiguous
    assert labelled.y.tolist() == [1]
    assert labelled.feature_names == ("a", "b", "c")


@pytest.mark.parametrize("columns", ["a,b,c,target", "goal,b,c,goal", "goal,goal,c,target"])
def test_otherwise_the_target_is_the_last_column(columns):
    labelled = read_labelled(make_file(".1,.2,.3,1\n", columns, targetcolumn="goal"))
    assert labelled.y.tolist() == [1]
    assert labelled.feature_names == tuple(columns.split(",")[:3])


@pytest.mark.parametrize("text", ["1", "1.0", "1.", "+1", "1e0", "01"])
def test_a_target_may_be_written_in_any_way(text):
    assert read_labelled(make_file(f"0,0,0,{text}\n")).y.tolist() == [1]


@pytest.mark.parametrize(
    ("targetclasses", "classes"),
    [
        ("[0,1]", (0, 1)),
        ("[5, -3, 12]", (-3, 5, 12)),
        ("[1,1,0]", (0, 1)),
        ('["0","1"]', (0, 1)),
        ("[0.0,1.0]", (0, 1)),
        ('{"low":0,"high":1}', (0, 1)),
        ('{"1":0,"2":1}', (0, 1)),
        ('{"1":0,"2":1}|[0,5]', (0, 1, 5)),
        ("[-16777216,16777216]", (-(2**24), 2**24)),
    ],
)
def test_classes_may_be_any_integers(targetclasses, classes):
    rows = "".join(f"0,0,0,{value}\n" for value in reversed(classes))
    labelled = read_labelled(make_file(rows, targetclasses=targetclasses))
    assert labelled.classes == classes
    assert labelled.y.tolist() == list(reversed(classes))


def test_classes_without_a_sample_are_kept():
    assert read_labelled(make_file("0,0,0,1\n", targetclasses="[0,1,2]")).classes == (0, 1, 2)


def test_one_row_of_one_feature_is_a_dataset():
    labelled = read_labelled(make_column(["-.5"]))
    assert labelled.X.tolist() == [[-0.5]]
    unlabelled = read_unlabelled(make_file("7-0,1\n", "sampleid,a", nfeatures=1))
    assert unlabelled.X.tolist() == [[1]]


@pytest.mark.parametrize("columns", [UNLABELLED, f"{UNLABELLED},target"])
def test_unlabelled_rows_have_no_target_whatever_the_columns_say(columns):
    unlabelled = read_unlabelled(make_file("17-0,1,-0.5,\n18-1,-1.00,0,0.25\n", columns))
    np.testing.assert_array_equal(unlabelled.X, X)
    assert unlabelled.X.dtype == np.float32
    assert unlabelled.sample_ids == ["17-0", "18-1"]


@pytest.mark.parametrize("nfeatures", ["3|3", "3|4", None])
def test_unlabelled_files_also_join_values_by_a_bar(nfeatures):
    unlabelled = read_unlabelled(make_file("17-0,1,-0.5,\n", UNLABELLED, nfeatures=nfeatures))
    assert unlabelled.X.shape == (1, 3)


def test_unlabelled_files_need_no_classes():
    data = make_file("17-0,1,-0.5,\n", UNLABELLED, targetclasses=None, targettype=None)
    assert read_unlabelled(data).sample_ids == ["17-0"]


@pytest.mark.parametrize(
    ("text", "sample_id"),
    [
        ("170040-2", "170040-2"),
        ("007", "007"),
        (" 1 ", " 1 "),
        ('"sample 1"', "sample 1"),
        ('"say ""1"""', 'say "1"'),
        ("ид-1 🎓", "ид-1 🎓"),
        ("x" * 1000, "x" * 1000),
        ("1e5", "1e5"),
        ("", ""),
    ],
)
def test_sample_ids_come_back_verbatim(text, sample_id):
    unlabelled = read_unlabelled(make_file(f"{text},1,2,3\n0-0,1,2,3\n", UNLABELLED))
    assert unlabelled.sample_ids == [sample_id, "0-0"]


# numbers -----------------------------------------------------------------------------------------


@given(st.lists(number_texts, min_size=1, max_size=30))
def test_numbers_are_exactly_what_python_reads(texts):
    values = read_labelled(make_column(texts)).X[:, 0]
    expected = np.array([float(text) + 0.0 for text in texts]).astype(np.float32)
    assert values.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "text",
    ["1e-3", "+.5", "0.1234567", "-0.333333333333", "3.4e38", "1e-50", "1" * 5000 + "e-5000"],
)
def test_unusual_numbers_are_read_too(text):
    assert read_labelled(make_column([text])).X[0, 0] == np.float32(float(text))


def test_many_different_texts_are_told_apart():
    texts = [f".{i:06}" for i in range(150_000)]
    file = make_file("".join(f"{text},,0\n" for text in texts), "a,b,target", nfeatures=2)
    X = read_labelled(file).X
    np.testing.assert_array_equal(X[:, 0], (np.arange(150_000) / 1e6).astype(np.float32))
    assert np.isnan(X[:, 1]).all()


def test_minus_zero_is_zero():
    values = read_labelled(make_column(["-0", "-0.00", "-0.0000000000"])).X
    assert not np.signbit(values).any()


def test_every_number_that_moodle_writes_is_read():
    texts = [f"{i / 100:{format}}" for i in range(-100, 101) for format in ("g", ".2f")]
    values = read_labelled(make_column(texts)).X[:, 0]
    assert values.tolist() == [np.float32(float(text)) for text in texts]


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(
            st.lists(moodle_texts | number_texts, min_size=width, max_size=width), min_size=1
        )
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_tables_are_what_the_csv_module_reads(table, quoting, lineterminator):
    body = io.StringIO()
    writer = csv.writer(body, quoting=quoting, lineterminator=lineterminator)
    writer.writerows([f"{i}-0", *row] for i, row in enumerate(table))
    columns = ",".join(["sampleid", *("x" for _ in table[0])])
    unlabelled = read_unlabelled(make_file(body.getvalue(), columns, nfeatures=len(table[0])))
    expected = [[float(text or "nan") + 0.0 for text in row] for row in table]
    np.testing.assert_array_equal(unlabelled.X, np.array(expected).astype(np.float32))
    assert unlabelled.sample_ids == [f"{i}-0" for i in range(len(table))]


@given(st.data())
def test_labelled_tables_are_what_the_csv_module_reads(data):
    width = data.draw(st.integers(1, 5))
    target = data.draw(st.integers(0, width))
    row = st.lists(moodle_texts | number_texts, min_size=width, max_size=width)
    table = data.draw(st.lists(st.tuples(row, st.sampled_from("01")), min_size=1))
    body = io.StringIO()
    csv.writer(body).writerows([*row[:target], label, *row[target:]] for row, label in table)
    columns = ["x"] * width
    columns.insert(target, "goal")
    labelled = read_labelled(
        make_file(body.getvalue(), ",".join(columns), nfeatures=width, targetcolumn="goal")
    )
    expected = [[float(text or "nan") + 0.0 for text in row] for row, _ in table]
    np.testing.assert_array_equal(labelled.X, np.array(expected).astype(np.float32))
    assert labelled.y.tolist() == [int(label) for _, label in table]


@pytest.mark.parametrize("n_features", [1, 7, 2000])
@pytest.mark.parametrize(
    "texts",
    [
        ["", "1", "-1", "0.25", "-0.125", "1e-3", "0.3333333333", "0"],
        [f"{value:.7f}" for value in np.random.default_rng(1).uniform(-1, 1, 50_000)],
    ],
    ids=["few", "many"],
)
def test_long_files_are_what_the_csv_module_reads(n_features, texts):
    random = np.random.default_rng(0)
    table = random.choice(np.array(texts), (120_000 // n_features, n_features))
    rows = "".join(f"{i},{','.join(row)}\n" for i, row in enumerate(table))
    columns = ",".join(["sampleid", *("x" for _ in range(n_features))])
    unlabelled = read_unlabelled(make_file(rows, columns, nfeatures=n_features))
    np.testing.assert_array_equal(
        unlabelled.X, np.where(table == "", "nan", table).astype(np.float64).astype(np.float32)
    )
    assert unlabelled.sample_ids == [str(i) for i in range(len(table))]


NOT_NUMBERS = [
    *("nan", "NaN", "inf", "-inf", "Infinity", "1_0", "0x1", "1e", "e1", "--1", "+", "-", "."),
    *("1.2.3", "1e5.0", "1;5", "1 2", " 1", "1 ", "\t1", "١", "½", "−1", "true", "NULL", "None"),
    *("1e39", "-1e39", "3.5e38", "1e9999", "1e99999", "9" * 60, "1\r", "1\x0b", "not a number"),
]


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_other_text_is_refused_with_its_line_and_column(text):
    labelled = make_file(f"1,0,0,1\n1,{text},0,1\n")
    unlabelled = make_file(f"1-0,0,0,1\n1-1,{text},0,1\n", UNLABELLED)
    for read, data in ((read_labelled, labelled), (read_unlabelled, unlabelled)):
        with pytest.raises(errors.BadNumber, match=r"^Line 5, column 2 .* \([ab]\) holds "):
            read(data)


@pytest.mark.parametrize("text", ["9" * 100_000, "." * 100_000, "9." * 50_000, "9e" * 50_000])
def test_a_very_long_field_is_refused_at_once(text):
    began = time.process_time()
    with pytest.raises(errors.BadNumber, match="Line 4, column 1 "):
        read_labelled(make_column([f"{text}x"]))
    assert time.process_time() - began < 20  # of work, however busy the machine is


@pytest.mark.parametrize("octets", [b"\xff" * 8, b"\xff", b"\xff" * 9, b"1\xff"])
def test_octets_that_are_no_text_are_not_numbers(octets):
    with pytest.raises(errors.BadNumber, match="Line 4, column 1 "):
        read_labelled(make_file(octets + b",0,0,1\n"))
    with pytest.raises(errors.NotText):
        read_unlabelled(make_file(octets + b",0,0,1\n", UNLABELLED))
    with pytest.raises(errors.NotText):
        read_labelled(make_file(b'"' + octets + b'",0,0,1\n'))


def test_a_nul_is_not_text():
    with pytest.raises(errors.NotText):
        read_labelled(make_file("1,\0,0,1\n"))


@pytest.mark.parametrize("text", ["x", "something longer", "1e39"])
@pytest.mark.parametrize("row", [0, 9_999, 19_999])
def test_a_wrong_number_is_found_in_a_long_file(text, row):
    rows = ["0.25,-1,,1"] * 20_000
    rows[row] = f"0.25,-1,{text},1"
    message = message_of(read_labelled, make_file("\n".join(rows)))
    assert (
        message
        == f"Line {row + 4}, column 3 of the dataset (c) holds {text}, which is not a number."
    )


@pytest.mark.parametrize("text", ["z", "a long text", "1e39", "-" * 9])
@pytest.mark.parametrize("later", ["a", "another long text", "1e39"])
def test_the_wrong_number_that_comes_first_is_named(text, later):
    message = message_of(read_labelled, make_file(f"1,{text},1,0\n1,{later},1,0\n{later},,,0\n"))
    assert message.startswith(f"Line 4, column 2 of the dataset (b) holds {text},")


@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ('1,0,0,1\n1,"0,5",0,1\n', "Line 5, column 2 of the dataset (b) holds 0,5,"),
        ('1,0,0,1\n1,0,"0\n",1\n', "Line 5, column 3 of the dataset (c) holds 0?,"),
        (
            '1,0,0,1\n1,0,0,1\n1,0,"0,1\n1,0,0,1\n',
            "Line 6 of the dataset has a quote",
        ),
        ('1,0,0,1\n1,0,"0"1,1\n', "Line 5 of the dataset has a quote or a line end out of place."),
        ('"1",0,0,1\r1,0,0,1\n', "Line 4 of the dataset has a quote or a line end out of place."),
    ],
)
def test_quotes_hide_nothing(rows, at):
    assert message_of(read_labelled, make_file(rows)).startswith(at)


def test_a_message_shows_a_short_printable_piece_of_the_file():
    message = message_of(read_labelled, make_file("1,\x1b[31m" + "y" * 1000 + ",0,1\n"))
    assert message.isprintable()
    assert len(message) < 170


# rows --------------------------------------------------------------------------------------------

GOOD = "0,0,0,1"


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(
    ("rows", "line", "found"),
    [
        (["0,0,1", GOOD], 4, 3),
        (["0,0,0,0,1", GOOD], 4, 5),
        ([GOOD, "0,0,1"], 5, 3),
        ([GOOD, "0,0,0,0,1"], 5, 5),
        ([GOOD, GOOD, "0,0,1", "0,0,0,0,1"], 6, 3),
        ([GOOD, "0,0,0,0,1", "0,0,1"], 5, 5),
        ([GOOD, "", GOOD], 5, 1),
        (["", GOOD], 4, 1),
        (["1"], 4, 1),
        ([GOOD, "0,0,0,1,"], 5, 5),
        ([GOOD] * 30_000 + ["0,0,1"] + [GOOD] * 5, 30_004, 3),
        ([GOOD] * 30_000 + ["0,0,0,0,1", "0,0,1"], 30_004, 5),
    ],
)
def test_a_row_of_another_length_is_refused_with_its_line(rows, line, found, quoted):
    text = "\n".join(rows)
    if quoted:
        text = text.replace("1", '"1"')
    with pytest.raises(errors.RowLength) as caught:
        read_labelled(make_file(text + "\n"))
    assert (
        str(caught.value) == f"Line {line} of the dataset has {found} values where 4 were expected."
    )


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
@pytest.mark.parametrize("n_rows", [1, 2, 20_000])
def test_a_last_line_that_is_empty_but_for_quotes_is_a_row_of_another_length(read, n_rows):
    """It once was counted, and not read: the row held what was in memory before."""
    rows = "0,0,0,1\n" * n_rows + '""'
    message = message_of(read, make_file(rows))
    assert message.startswith(f"Line {n_rows + 4} of the dataset has 1 values where 4")


def test_an_unlabelled_row_with_a_target_is_refused():
    with pytest.raises(errors.RowLength, match=r"Line 4 .* 5 values where 4"):
        read_unlabelled(make_file("1-0,0,0,0,1\n", f"{UNLABELLED},target"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("2", "2"), ("0.5", "0.5"), ("-1", "-1"), ("1e30", "1e+30")],
)
def test_a_target_that_is_no_class_is_refused_with_its_line(text, shown):
    message = message_of(read_labelled, make_file(f"{GOOD}\n0,0,0,{text}\n"))
    assert message == (
        f"Line 5 of the dataset has the target {shown}, which is none of the target classes [0, 1]."
    )


@pytest.mark.parametrize("quoted", ["", '""'])
def test_an_empty_target_is_0_as_php_writes_false(quoted):
    labelled = read_labelled(make_file(f"0,0,0,{quoted}\n{GOOD}\n"))
    assert labelled.y.tolist() == [0, 1]


def test_an_empty_target_is_refused_where_0_is_no_class():
    message = message_of(read_labelled, make_file("0,0,0,\n", targetclasses="[1,2]"))
    assert message == (
        "Line 4 of the dataset has the target (empty), which is none of the target classes [1, 2]."
    )


# files that were taken for others -----------------------------------------------------------------


def test_a_file_to_predict_is_not_learned_from():
    with pytest.raises(errors.Unlabelled, match="first column is sampleid"):
        read_labelled(make_file("1-0,0,0,1\n", UNLABELLED))


def test_a_file_to_learn_from_is_not_predicted():
    data = make_file(f"{GOOD}\n", targetcolumn="target")
    with pytest.raises(errors.AlreadyLabelled, match="last column is the target"):
        read_unlabelled(data)


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
@pytest.mark.parametrize("metadata", [{"nfeatures": "3|2"}, {"moodleversion": "2024|2025"}])
def test_rows_of_two_widths_in_a_joined_file_are_told_as_that(read, metadata):
    data = make_file(f"{GOOD}\n" * 9 + "0,0,1\n", "a,b,c,d", **metadata)
    with pytest.raises(errors.MergedFiles, match=r"Line 13 .* 3 values .* 4 .* Moodle joined"):
        read(data)


def test_a_sample_id_with_a_comma_is_told_as_that():
    with pytest.raises(errors.BadSampleId, match=r"Line 4 .* sample id a,b,"):
        read_unlabelled(make_file('"a,b",1,2,3\n', UNLABELLED))


# block by block -----------------------------------------------------------------------------------


@given(
    st.sampled_from([1, 2, 3, 7, 50, 1000]),
    st.lists(st.sampled_from(["1,-0.5,,0", '"1",0.25,"",1', ",,,1"]), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\r\n\r\n\n"]),
)
def test_a_file_may_come_in_blocks_of_any_size(size, rows, end, last):
    data = make_file(end.join(rows) + last)
    blocks = (data[begin : begin + size] for begin in range(0, len(data), size))
    whole, read = read_labelled(data), read_labelled(blocks)
    np.testing.assert_array_equal(read.X, whole.X)
    assert read.y.tolist() == whole.y.tolist()
    assert len(whole.y) == len(rows)


def test_a_line_without_end_is_refused_before_all_of_it_is_read():
    def blocks():
        yield make_file("")
        for _ in range(140):
            yield b"1" * (1 << 16)
        pytest.fail("reads on")

    with pytest.raises(errors.LineTooLong, match="more than 8 MB"):
        read_labelled(blocks())


# what is no dataset ------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", errors.IncompleteHeader),
        (b"\xef\xbb\xbf", errors.IncompleteHeader),
        (b"nfeatures\n", errors.IncompleteHeader),
        (b"nfeatures\n3\n", errors.IncompleteHeader),
        (b"nfeatures,targetclasses\n3\na,b,c,d\n0,0,0,0\n", errors.IncompleteHeader),
        (b'nfeatures\n"3\na,b,c,d\n', errors.IncompleteHeader),
        (b"nfeatures\n" + b"3" * 200_000 + b"\na,b,c,d\n", errors.IncompleteHeader),
        (b"\xff\xfen\0f\0", errors.NotText),
        (bytes(range(256)) * 4, errors.NotText),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", errors.NotText),
        (b"PK\x03\x04" + bytes(100), errors.IncompleteHeader),
        (b'{"nfeatures": 3}', errors.IncompleteHeader),
        (make_file(""), errors.EmptyDataset),
        (make_file("\r\n\n"), errors.EmptyDataset),
        (make_file("").rstrip(), errors.EmptyDataset),
    ],
)
def test_what_is_no_dataset_is_refused(read, data, error):
    with pytest.raises(error):
        read(data)


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
@pytest.mark.parametrize("nfeatures", ["0", "-1", "3.0", "three", "٣", "1e3", "9" * 12, "9" * 5000])
def test_a_count_of_features_that_is_none_is_refused(read, nfeatures):
    with pytest.raises(errors.BadMetadata, match="a value for nfeatures that cannot be used"):
        read(make_file(ROWS, nfeatures=nfeatures))


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
@pytest.mark.parametrize("nfeatures", ["1", "4999"])
def test_columns_that_do_not_fit_nfeatures_are_refused(read, nfeatures):
    with pytest.raises(errors.ColumnCount, match="names 4 columns where nfeatures asks for"):
        read(make_file(ROWS, nfeatures=nfeatures))


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
def test_a_file_without_features_is_refused(read):
    with pytest.raises(errors.NoIndicators):
        read(make_file("1\n", "target", nfeatures=None))


@pytest.mark.parametrize(
    "targetclasses",
    [
        *("", "0,1", "[0,1", "[]", "[0]", "[0,0]", "[0,0.5]", "[0,null]", "[[0,1]]", "5", "null"),
        *(
            "[0,NaN]",
            "[0,Infinity]",
            "[0,1e400]",
            '["a","b"]',
            '{"a":1}',
            "[0,16777217]",
            "[" * 9999,
        ),
        *("[0,1]|", "[0," + "9" * 5000 + "]"),
    ],
)
def test_classes_that_are_none_are_refused(targetclasses):
    with pytest.raises(errors.BadMetadata, match="a value for targetclasses that cannot be used"):
        read_labelled(make_file(ROWS, targetclasses=targetclasses))


def test_a_file_without_classes_is_refused():
    with pytest.raises(errors.MissingMetadata, match="targetclasses"):
        read_labelled(make_file(ROWS, targetclasses=None))


@pytest.mark.parametrize("targettype", ["linear", "discrete|linear", ""])
def test_a_target_that_is_not_discrete_is_refused(targettype):
    with pytest.raises(errors.NotDiscrete):
        read_labelled(make_file(ROWS, targettype=targettype))


# limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
def test_rows_are_limited(read, monkeypatch):
    monkeypatch.setattr(dataset, "MAX_ROWS", 3)
    assert len(read(make_file("0,0,0,1\n" * 3)).X) == 3
    with pytest.raises(errors.TooManyRows, match="more than 3 rows"):
        read(make_file("0,0,0,1\n" * 4))


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
def test_features_are_limited(read, monkeypatch):
    monkeypatch.setattr(dataset, "MAX_FEATURES", 3)
    assert read(make_file(ROWS)).X.shape == (2, 3)
    with pytest.raises(errors.TooManyFeatures, match="4 features, and 3 is the most"):
        read(make_file("0,0,0,0,1\n", "a,b,c,d,target", nfeatures=4))


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
def test_a_header_that_is_too_long_is_refused(read, monkeypatch):
    columns = "a" * 100_000 + "," + "b" * 100_000 + "," + "c" * 90_000 + ",target"
    assert read(make_file(ROWS, columns)).X.shape == (2, 3)
    with pytest.raises(errors.HeaderTooLong, match="more than 300 KB"):
        read(make_file(ROWS, columns + "x" * 20_000))


def test_a_huge_count_of_features_is_refused_before_memory_is_set_aside():
    with pytest.raises(errors.TooManyFeatures):
        read_labelled(make_file(ROWS, nfeatures=999_999_999))


def test_a_short_file_of_many_lines_is_refused_before_memory_is_set_aside():
    columns = ",".join(["x"] * 5001)
    data = make_file("0\n" * 500_000, columns, nfeatures=5000)
    tracemalloc.start()
    with pytest.raises(errors.RowLength, match="Line 4 of the dataset has 1 values"):
        read_labelled(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * len(data)


def test_classes_are_limited():
    assert len(read_labelled(make_file(ROWS, targetclasses=str(list(range(100))))).classes) == 100
    with pytest.raises(errors.TooManyClasses, match="101 classes, and 100 is the most"):
        read_labelled(make_file(ROWS, targetclasses=str(list(range(101)))))


@pytest.mark.parametrize("n_features", [98, 414])
@pytest.mark.parametrize("way", ["plain", "crlf", "quoted ids", "long numbers"])
def test_memory_stays_within_four_times_the_matrix(way, n_features):
    rows = 2_500_000 // n_features
    lines = Course(n_features).unlabelled(100).splitlines(keepends=True)
    body = b"".join(lines[3:]) * (rows // 100)
    if way == "crlf":
        body = body.replace(b"\n", b"\r\n")
    if way == "quoted ids":
        body = body.replace(b"0-0,", b'"0 0",')
    if way == "long numbers":
        body = body.replace(b",0.", b",0.1234567")
    assert_frugal(read_unlabelled, b"".join(lines[:3]) + body)


@pytest.mark.parametrize("target", [0, 414])
def test_memory_stays_within_four_times_the_matrix_wherever_the_target_is(target):
    columns, values = ["x"] * 414, ["-0.25"] * 414
    columns.insert(target, "goal")
    values.insert(target, "1")
    rows = (",".join(values) + "\n") * 6_000
    assert_frugal(
        read_labelled, make_file(rows, ",".join(columns), nfeatures=414, targetcolumn="goal")
    )


def assert_frugal(read, data):
    """Hold the promise for a matrix of some 10 MB; what a piece of the file needs comes on top."""
    tracemalloc.start()
    matrix = read(data).X
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert matrix.nbytes > 8_000_000
    assert peak <= 4 * matrix.nbytes + 3_000_000


# anything at all ---------------------------------------------------------------------------------


def _read_or_refuse(data):
    for read in (read_labelled, read_unlabelled):
        try:
            result = read(data)
        except errors.DatasetError as error:
            assert str(error).isprintable()  # noqa: PT017
        else:
            assert not np.isinf(result.X).any()


@given(st.binary(max_size=500))
def test_octets_are_read_or_refused(data):
    _read_or_refuse(data)
    _read_or_refuse(make_file(data))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 3),
            st.binary(max_size=3)
            | st.sampled_from(
                list(
                    itertools.chain([b",", b"\n", b'"', b"|", b"\r", b"\xff" * 8, b"e", b"9" * 400])
                )
            ),
        ),
        max_size=4,
    ),
    st.sampled_from([MOODLE.encode(), make_file(ROWS), make_file("1-0,1,1,1\n", UNLABELLED)]),
)
def test_damaged_files_are_read_or_refused(damages, data):
    for at, length, octets in damages:
        data = data[:at] + octets + data[at + length :]
    _read_or_refuse(data)
