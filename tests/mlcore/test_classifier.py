"""Classifiers as model files: what comes back, and what is refused."""

import io
import json
import random
import shutil
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.lab.fuzz.known_attacks import npy, packed, unpacked, with_array, with_facts
from mlcore import Classifier, Examples, errors, modelfile, read_labelled, train
from mlcore.classifier import FORMAT
from tests.mlcore.builders import make_file, make_labelled

KINDS = ["trained", "blended", "refined", "three_classes"]


@pytest.fixture(params=KINDS)
def classifier(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def data(blended):
    """A model file: a linear model, a net and trees."""
    return blended.to_bytes()


@pytest.fixture(scope="session")
def refined_data(refined):
    """The model file of a classifier that refines another: all kinds of parts, five in all."""
    return refined.to_bytes()


def samples(n_features=12, n_samples=50):
    X = np.random.default_rng(0).integers(-100, 101, (n_samples, n_features)) / 100
    return np.where(X > 0.7, np.nan, X).astype(np.float32)


def refusal(data):
    with pytest.raises(errors.DamagedModelFile) as caught:
        Classifier.from_bytes(data)
    return str(caught.value)


# prediction --------------------------------------------------------------------------------------


def test_probabilities_are_valid(classifier):
    probabilities = classifier.predict_proba(samples())
    assert probabilities.shape == (50, len(classifier.classes))
    assert (probabilities > 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_probabilities_are_the_weighted_mean_of_the_parts(blended):
    mean = sum(
        weight * part.predict_proba(samples(), None)
        for weight, part in zip(blended.weights, blended.parts, strict=True)
    )
    np.testing.assert_allclose(blended.predict_proba(samples()), mean, atol=1e-5)


def test_nothing_is_ever_certain(blended):
    (linear, *_), bias = blended.parts, np.array([1e4], dtype=np.float32)
    certain = replace(blended, parts=(replace(linear, biases=(bias,)),), weights=(1.0,))
    np.testing.assert_allclose(certain.predict_proba(samples())[:, 0], 1e-6, rtol=1e-3)


def test_each_sample_is_predicted_by_itself(classifier):
    X = samples()
    alone = np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(classifier.predict_proba(X), alone, rtol=1e-5)


def test_samples_of_other_features_are_refused(classifier):
    with pytest.raises(errors.OtherFeatures, match="11 features and the trained model has 12"):
        classifier.predict_proba(samples(11))


# storing -----------------------------------------------------------------------------------------


def test_a_stored_classifier_predicts_the_same(classifier):
    stored = Classifier.from_bytes(classifier.to_bytes())
    assert (
        stored.predict_proba(samples()).tobytes() == classifier.predict_proba(samples()).tobytes()
    )
    assert stored.classes == classifier.classes
    assert stored.feature_names == classifier.feature_names
    assert stored.weights == classifier.weights


def test_a_stored_classifier_is_stored_as_it_was(classifier):
    data = classifier.to_bytes()
    assert Classifier.from_bytes(data).to_bytes() == data


def test_odd_classes_and_names_come_back(blended):
    odd = replace(blended, classes=(-(2**24), 7), feature_names=('"\\é🎓',) * 12)
    stored = Classifier.from_bytes(odd.to_bytes())
    assert stored.classes == odd.classes
    assert stored.feature_names == odd.feature_names


def test_what_cannot_be_printed_is_not_in_names(blended):
    odd = replace(blended, feature_names=("a\n\ud800\u202e",) * 12)
    assert Classifier.from_bytes(odd.to_bytes()).feature_names == ("a???",) * 12


def test_arrays_that_no_part_asks_for_are_refused(data):
    for name in ("more", "part0.more", "part9.roots", "prior.part0.mean"):
        file = packed({**unpacked(data), f"{name}.npy": npy(np.zeros(1, np.float32))})
        assert "(an unknown member)" in refusal(file)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_model_file_packed_anew_is_the_same_model(classifier, compression):
    members = list(unpacked(classifier.to_bytes()).items())
    random.Random(0).shuffle(members)
    again = Classifier.from_bytes(packed(dict(members), compression))
    assert again.to_bytes() == classifier.to_bytes()


def test_a_model_file_that_moodle_unpacked_and_packed_is_the_same_model(refined_data, tmp_path):
    with zipfile.ZipFile(io.BytesIO(refined_data)) as archive:
        archive.extractall(tmp_path / "mlbackend")
    again = Path(shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path / "mlbackend"))
    assert Classifier.from_bytes(again.read_bytes()).to_bytes() == refined_data


def test_a_model_file_holds_no_training_rows(course, trained, blended):
    for classifier in (trained, blended):
        content = b"".join(unpacked(classifier.to_bytes()).values())
        by_columns = np.asfortranarray(course.X)
        assert not any(row.tobytes() in content for row in course.X)
        assert not any(row.astype(np.float64).tobytes() in content for row in course.X)
        assert not any(by_columns[:, i].tobytes() in content for i in range(12))
        facts, arrays = modelfile.read(classifier.to_bytes(), "moodle-classifier", FORMAT)
        assert facts.keys() == {
            "kind",
            "format",
            "feature_names",
            "classes",
            "learned",
            "shares",
            "parts",
            "prior",
            "sharpness",
        }
        assert not any(len(course.y) in array.shape for array in arrays.values())


def test_a_file_of_examples_is_no_classifier(course):
    with pytest.raises(errors.NotAModelFile):
        Classifier.from_bytes(Examples.of(course).to_bytes())


# strangers' files --------------------------------------------------------------------------------

FACTS = {
    "no classes": [
        lambda facts: facts.update(classes="01"),
        lambda facts: facts.update(classes=[0]),
        lambda facts: facts.update(classes=[1, 0]),
        lambda facts: facts.update(classes=[0, 0]),
        lambda facts: facts.update(classes=[0, 1.5]),
        lambda facts: facts.update(classes=[False, True]),
        lambda facts: facts.update(classes=[0, 2**24 + 1]),
        lambda facts: facts.update(classes=list(range(101))),
    ],
    "no feature names": [
        lambda facts: facts.pop("feature_names"),
        lambda facts: facts.update(feature_names=[]),
        lambda facts: facts.update(feature_names="abcdefghijkl"),
        lambda facts: facts.update(feature_names=[1] * 12),
        lambda facts: facts.update(feature_names=["x"] * 5001),
        lambda facts: facts.update(prior={}),
    ],
    "its description is incomplete": [
        lambda facts: facts.pop("classes"),
        lambda facts: facts.pop("learned"),
        lambda facts: facts.pop("shares"),
        lambda facts: facts.pop("parts"),
        lambda facts: facts.pop("prior"),
        lambda facts: facts.update(parts=None),
        lambda facts: facts.update(parts=["trees"]),
        lambda facts: facts["parts"][0].pop("weight"),
        lambda facts: facts["parts"][0].pop("kind"),
        lambda facts: facts["parts"][0].update(kind=["dense"]),
        lambda facts: facts.update(prior=[]),
        lambda facts: facts.update(prior="prior"),
    ],
    "a weight out of range": [
        lambda facts: facts["parts"][0].update(weight=0),
        lambda facts: facts["parts"][0].update(weight=-0.5),
        lambda facts: facts["parts"][0].update(weight=1.5),
        lambda facts: facts["parts"][0].update(weight="1"),
        lambda facts: facts["parts"][0].update(weight=True),
        lambda facts: facts["parts"][0].update(weight=float("nan")),
    ],
    "weights that do not add up": [
        lambda facts: facts.update(parts=[]),
        lambda facts: facts["parts"].pop(),
        lambda facts: facts["parts"][0].update(weight=0.26),
    ],
    "a sharpness out of range": [
        lambda facts: facts.update(sharpness=0.99),
        lambda facts: facts.update(sharpness=3.01),
        lambda facts: facts.update(sharpness=float("nan")),
        lambda facts: facts.update(sharpness="1"),
        lambda facts: facts.update(sharpness=None),
    ],
    "an unknown part": [lambda facts: facts["parts"][0].update(kind="stones")],
    "too many parts": [
        lambda facts: facts.update(parts=[{"kind": "prior", "weight": 1e-5}] * 10_000)
    ],
    "no imported model": [
        lambda facts: facts.update(parts=[_part("prior")]),
        lambda facts: facts["parts"][0].update(from_prior=True),
        lambda facts: facts["parts"][0].update(from_prior="yes"),
    ],
    "weights.0 has a wrong size": [
        lambda facts: facts["parts"][0].update(from_prior=True) or facts.update(prior=_prior(1))
    ],
    "no learned classes": [
        lambda facts: facts.update(learned=[0]),
        lambda facts: facts.update(learned=[1, 0]),
        lambda facts: facts.update(learned=None),
    ],
    "learned classes out of range": [
        lambda facts: facts.update(learned=[0, 2]),
        lambda facts: facts.update(learned=[-1, 0]),
    ],
    "shares out of range": [
        lambda facts: facts.update(shares=[1.0]),
        lambda facts: facts.update(shares=[0.6, 0.6]),
        lambda facts: facts.update(shares=[0, 1]),
        lambda facts: facts.update(shares=[float("nan"), 0.5]),
        lambda facts: facts.update(shares="1"),
    ],
    "a layer of the wrong size": [
        lambda facts: facts.update(classes=[0, 1, 2], learned=[0, 1, 2], shares=[0.3] * 3)
    ],
    "a feature out of range": [lambda facts: facts.update(feature_names=["x"])],
    "too many models in one another": [lambda facts: facts.update(prior=_prior(9), shares=[1, 1])],
}


def _prior(depth):
    """Return a model that is nothing but the prior of a prior of …, and in the end no model."""
    return {
        "classes": [0, 1],
        "learned": [0, 1],
        "shares": [1.0, 1.0] if depth > 1 else [0.5, 0.5],
        "parts": [_part("prior" if depth > 1 else "trees")],
        "prior": _prior(depth - 1) if depth > 1 else None,
        "sharpness": 1.0,
        "feature_names": [f"x{i}" for i in range(12)],
    }


def _part(kind):
    return {"kind": kind, "weight": 1, "from_prior": kind == "prior"}


@pytest.mark.parametrize(
    ("what", "change"), [(what, change) for what in FACTS for change in FACTS[what]]
)
def test_wrong_facts_are_refused(data, what, change):
    if "prior" in what or "wrong size" in what or "another" in what:
        members = unpacked(data)
        roots = {name: members[name] for name in members if name.startswith("part2.")}
        for depth in range(1, 10):
            prefix = "prior." * depth + "part0."
            members |= {name.replace("part2.", prefix): roots[name] for name in roots}
        data = packed(members)
    assert f"({what})" in refusal(with_facts(data, change))


def test_priors_may_be_nested_eight_deep(data):
    trees = {name: array for name, array in unpacked(data).items() if name.startswith("part2.")}
    prefix = "prior." * 8 + "part0."
    members = {name.replace("part2.", prefix): array for name, array in trees.items()}
    members["model.json"] = unpacked(data)["model.json"]
    nested = with_facts(
        packed(members),
        lambda facts: facts.update(parts=[_part("prior")], prior=_prior(8), shares=[1, 1]),
    )
    assert Classifier.from_bytes(nested).predict_proba(samples()).shape == (50, 2)


def first(value):
    """Return a change of an array's first value."""

    def change(array):
        array.flat[0] = value
        return array

    return change


def cyclic(children):
    """Send a node of a later tree back to the root of the first."""
    children[np.flatnonzero(children != np.arange(len(children)))[-1]] = 0
    return children


def shared(children):
    """Give two nodes the same child."""
    inner = np.flatnonzero(children != np.arange(len(children)))
    children[inner[0]] = children[inner[1]]
    return children


ARRAYS = [
    ("part0.columns", first(-1), "a feature out of range"),
    ("part0.columns", first(12), "a feature out of range"),
    ("part0.columns", lambda a: np.repeat(a, 2), "a feature used twice"),
    ("part0.columns", lambda a: a[::-1], "a feature used twice"),
    ("part0.columns", lambda a: a.astype(np.int64), "columns is missing"),
    ("part0.columns", lambda a: a.astype(np.float32), "columns is missing"),
    ("part0.columns", lambda a: a[None], "columns is missing"),
    ("part0.flags", first(12), "a feature out of range"),
    ("part0.flags", lambda a: a[:-1], "scale has a wrong size"),
    ("part0.fill", first(np.nan), "fill is not finite"),
    ("part0.fill", lambda a: a[:-1], "fill has a wrong size"),
    ("part0.mean", first(np.inf), "mean is not finite"),
    ("part0.mean", lambda a: a[:-1], "mean has a wrong size"),
    ("part0.scale", first(0), "a scale that is not positive"),
    ("part0.scale", first(-1), "a scale that is not positive"),
    ("part0.scale", first(np.nan), "scale is not finite"),
    ("part0.weights.0", first(np.nan), "weights.0 is not finite"),
    ("part0.weights.0", lambda a: a[:-1], "weights.0 has a wrong size"),
    ("part0.weights.0", lambda a: a.ravel(), "weights.0 has a wrong size"),
    ("part0.weights.0", lambda a: a.astype(np.float64), "weights.0 is missing"),
    ("part0.biases.0", lambda a: np.repeat(a, 2), "weights.0 has a wrong size"),
    ("part0.biases.0", first(-np.inf), "biases.0 is not finite"),
    ("part1.biases.0", lambda a: np.zeros(1001, np.float32), "a layer too wide"),
    ("part1.weights.1", lambda a: a.T[:-1], "weights.1 has a wrong size"),
    ("part2.roots", first(-1), "a root out of range"),
    ("part2.roots", first(2**31 - 1), "a root out of range"),
    ("part2.roots", lambda a: np.repeat(a, 2), "a node of several trees"),
    ("part2.roots", lambda a: a[:-1], "a node of several trees"),
    ("part2.roots", lambda a: np.zeros(1001, np.int32), "too many trees"),
    ("part2.feature", first(-1), "a feature out of range"),
    ("part2.feature", first(12), "a feature out of range"),
    ("part2.feature", lambda a: a[:-1], "left has a wrong size"),
    ("part2.left", first(-1), "a node above its parent"),
    ("part2.left", first(2**31 - 1), "a node above its parent"),
    ("part2.left", first(0), "a node above its parent"),
    ("part2.left", cyclic, "a node above its parent"),
    ("part2.left", shared, "a node of several trees"),
    ("part2.right", cyclic, "a node above its parent"),
    ("part2.right", lambda a: a[:-1], "right has a wrong size"),
    ("part2.missing", first(2), "an unknown missing value"),
    ("part2.missing", first(-128), "an unknown missing value"),
    ("part2.missing", lambda a: a.astype(bool), "missing is missing"),
    ("part2.threshold", lambda a: a[:-1], "threshold has a wrong size"),
    ("part2.threshold", lambda a: a.astype(np.float64), "threshold is missing"),
    ("part2.value", first(np.nan), "value is not finite"),
    ("part2.value", lambda a: a[:-1], "value has a wrong size"),
]


@pytest.mark.parametrize(("name", "change", "what"), ARRAYS)
def test_wrong_arrays_are_refused(data, name, change, what):
    assert f"({what})" in refusal(with_array(data, name, change))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("part0.columns", "columns is missing"),
        ("part0.weights.0", "weights.0 is missing"),
        ("part0.biases.0", "a layer of the wrong size"),
        ("part1.biases.1", "a layer of the wrong size"),
        ("part1.weights.1", "weights.1 is missing"),
        ("part2.feature", "feature is missing"),
        ("part2.value", "value is missing"),
    ],
)
def test_missing_arrays_are_refused(data, name, what):
    members = unpacked(data)
    del members[f"{name}.npy"]
    assert f"({what})" in refusal(packed(members))


def test_a_tree_too_few_is_refused(three_classes):
    broken = with_array(three_classes.to_bytes(), "part2.roots", lambda a: a[:-1])
    assert "(a tree too few)" in refusal(broken)


def make_chain(depth):
    """Return the arrays of one tree that is a chain of nodes, each with a leaf."""
    n = 2 * depth + 1
    here = np.arange(n, dtype=np.int32)
    inner = (here % 2 == 0) & (here < n - 1)
    return {
        "roots": np.zeros(1, np.int32),
        "feature": np.zeros(n, np.int32),
        "left": np.where(inner, here + 1, here).astype(np.int32),
        "right": np.where(inner, here + 2, here).astype(np.int32),
        "threshold": np.zeros(n, np.float32),
        "missing": np.zeros(n, np.int8),
        "value": np.ones(n),
    }


def test_a_tree_may_be_deep_but_not_without_end(data):
    for depth, fits in [(99, True), (100, False), (50_000, False)]:
        arrays = {f"part2.{name}.npy": npy(array) for name, array in make_chain(depth).items()}
        began = time.process_time()
        if fits:
            Classifier.from_bytes(packed(unpacked(data) | arrays)).predict_proba(samples())
        else:
            assert "(a tree too deep)" in refusal(packed(unpacked(data) | arrays))
        assert time.process_time() - began < 30  # of work, however busy the machine is


def test_too_many_nodes_are_refused(data, monkeypatch):
    monkeypatch.setattr("mlcore.families.trees._MAX_NODES", 10)
    assert "(too many nodes)" in refusal(data)


def make_stumps(n):
    """Return the arrays of trees of one test each, all on one feature and each on its own."""
    here = np.arange(3 * n, dtype=np.int32)
    inner = here % 3 == 0
    return {
        "roots": here[inner],
        "feature": np.zeros(3 * n, np.int32),
        "left": np.where(inner, here + 1, here).astype(np.int32),
        "right": np.where(inner, here + 2, here).astype(np.int32),
        "threshold": here.astype(np.float32),
        "missing": np.zeros(3 * n, np.int8),
        "value": np.ones(3 * n),
    }


@pytest.mark.parametrize("prefix", ["part1", "prior.part2"])
def test_too_many_thresholds_are_refused(refined_data, prefix, monkeypatch):
    """What takes little in a file takes much to predict with."""
    monkeypatch.setattr("mlcore.classifier._FREE_CELLS", 900_000)
    monkeypatch.setattr("mlcore.classifier._MAX_CELLS_PER_BYTE", 8)
    members = unpacked(refined_data)
    number = next(i for i in range(9) if f"{prefix[:-1]}{i}.roots.npy" in members)
    for n, fits in [(750, True), (1_000, False)]:
        arrays = {
            f"{prefix[:-1]}{number}.{name}.npy": npy(array)
            for name, array in make_stumps(n).items()
        }
        file = packed(members | arrays)
        assert 8 * len(file) < 900_000
        if fits:
            Classifier.from_bytes(file)
        else:
            assert "(too many thresholds)" in refusal(file)


def test_trees_without_a_tree_predict_what_is_before_them(data):
    empty = {f"part2.{name}.npy": npy(array[:0]) for name, array in make_chain(1).items()}
    classifier = Classifier.from_bytes(packed(unpacked(data) | empty))
    np.testing.assert_allclose(classifier.parts[2].predict_proba(samples(), None), 0.5)


@pytest.mark.parametrize("n_features", [1_000, 5_000])
def test_a_model_whose_columns_are_all_alike_is_read_however_well_it_packs(n_features):
    X = np.repeat([[-1.0], [1.0]], n_features, axis=1)
    dataset = replace(make_labelled(X, [0, 1]), feature_names=("",) * n_features)
    data = train(dataset)[0].to_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sum(member.file_size for member in archive.infolist()) > 10 * len(data)
    assert Classifier.from_bytes(data).to_bytes() == data


def test_the_longest_header_of_a_dataset_is_in_a_model_that_can_be_read():
    columns = f"{'ü' * 29}," * 5_000 + "target"  # a letter that JSON escapes by six
    rows = "".join(f"{value}{',' * 5_000}{value}\n" for value in (0, 1))
    file = make_file(rows, columns, nfeatures=5_000)
    assert 295_000 < file.index(b"target\n") < 300_000
    dataset = read_labelled(file)
    model, examples = train(dataset)
    for read in (Classifier.from_bytes(model.to_bytes()), Examples.from_bytes(examples.to_bytes())):
        assert read.feature_names == dataset.feature_names


def test_a_large_file_may_become_ten_times_as_large(data):
    random = np.random.default_rng(0).integers(0, 256, 650_000).astype(np.int8)
    for zeros, fits in [(5_000_000, True), (7_000_000, False)]:
        more = {"random.npy": npy(random), "zeros.npy": npy(np.zeros(zeros, np.int8))}
        file = packed(unpacked(data) | more)
        if fits:
            assert "(an unknown member)" in refusal(file)
        else:
            with pytest.raises(errors.ModelFileTooLarge, match="may hold 6 MB"):
                Classifier.from_bytes(file)


def test_a_bomb_of_zeros_is_refused():
    zeros = npy(np.zeros(70_000_000, dtype=np.int8))
    data = packed({"model.json": b"{}", "a.npy": zeros, "b.npy": zeros})
    assert len(data) < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(errors.ModelFileTooLarge, match="may hold 4 MB"):
            Classifier.from_bytes(data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("part0.weights.0", lambda a: a * 0 + np.float32(3e38)),
        ("part1.weights.1", lambda a: a * 0 - np.float32(3e38)),
        ("part0.mean", lambda a: a * 0 + np.float32(3e38)),
        ("part0.scale", lambda a: a * 0 + np.float32(1e-45)),
        ("part2.value", lambda a: a * 0 + 1e308),
    ],
)
def test_numbers_too_large_to_compute_with_are_no_crash(data, name, change):
    classifier = Classifier.from_bytes(with_array(data, name, change))
    try:
        probabilities = classifier.predict_proba(samples())
    except errors.DamagedModelFile as error:
        assert "its numbers are too large" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_newer_format_is_refused(data):
    with pytest.raises(
        errors.NewerModelFile,
        match=f"format {FORMAT + 1}, and this server knows formats up to {FORMAT}",
    ):
        Classifier.from_bytes(with_facts(data, lambda facts: facts.update(format=FORMAT + 1)))


changes = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.integers(0, 10**6), changes=changes)
def test_a_damaged_member_is_refused_or_predicts(refined_data, name, changes):
    members = unpacked(refined_data)
    name = list(members)[name % len(members)]
    content = bytearray(members[name])
    for at, octet in changes:
        content[at % len(content)] = octet
    try:
        classifier = Classifier.from_bytes(packed(members | {name: bytes(content)}))
        probabilities = classifier.predict_proba(samples(len(classifier.feature_names)))
    except errors.ModelFileError as error:
        assert len(str(error)) < 400  # noqa: PT017
    else:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        Classifier.from_bytes(classifier.to_bytes())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), value=anything)
def test_any_facts_are_refused_or_predict(refined_data, place, value):
    facts = json.loads(unpacked(refined_data)["model.json"])
    places = [(facts, key) for key in facts] + [
        (part, key) for model in (facts, facts["prior"]) for part in model["parts"] for key in part
    ]
    container, key = places[place % len(places)]
    container[key] = value
    members = unpacked(refined_data) | {"model.json": json.dumps(facts).encode()}
    try:
        classifier = Classifier.from_bytes(packed(members))
    except errors.ModelFileError as error:
        assert len(str(error)) < 6000  # noqa: PT017
    else:
        classifier.predict_proba(samples(len(classifier.feature_names)))
        Classifier.from_bytes(classifier.to_bytes())
