# ruff: noqa: T201 (a command says what it does)
"""Train and measure the weights of `address.tagger`.

    python tests/bench/address/train_tagger.py measure FOLDER [--without parse.jsonl]
    python tests/bench/address/train_tagger.py write FOLDER address/data [--without parse.jsonl]

FOLDER holds ``ncap/train.txt`` and ``ncap/dev.txt`` (github.com/leodotnet/neural-chinese-address-parsing,
data/) and ``swei/train.txt`` and ``swei/dev.txt`` (github.com/swei412/address-matching,
data/dataset_v2/data.7z). ``measure`` trains on the train split and scores the dev split; ``write``
trains on both and writes the weights. The test splits are never read. ``--without`` names a file of
evaluation rows (``input``) whose texts are kept out of training.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from tagger_crf import epoch, mark_pairs

from address.tagger.decode import transition_sizes
from address.tagger.features import FEATURES, features_of
from address.tagger.model import load_model, write_model
from address.tagger.names import lexicon
from address.tagger.tokens import CLASSES, TAILS, folded_points, tokens_of

LABELS = {
    "country": "country", "prov": "province", "city": "city", "district": "county", "devzone": "devzone",
    "town": "town", "community": "community", "village": "village", "group": "group", "road": "road",
    "subroad": "sub_road", "roadno": "road_no", "subroadno": "sub_road_no", "poi": "poi", "subpoi": "sub_poi",
    "houseno": "building", "cellno": "unit", "floorno": "floor", "roomno": "room", "person": "tenant",
    "assist": "relation", "direction": "relation", "distance": "distance", "intersection": "intersection",
    "traffic_facility": "facility", "redundant": "", "otherinfo": "",
}  # fmt: skip
NAMES = tuple(dict.fromkeys(name for name in LABELS.values() if name))
SETTINGS = {
    "ncap": {"least": 2, "dense": 200, "drop": 800, "epochs": 10, "most": 300_000},
    "swei": {"least": 4, "dense": 1000, "drop": 650, "epochs": 6, "most": 600_000},
}
RATE, SHARPNESS = 0.1, 0.8


def spans_of_block(block, convention):
    """Text and spans of one labelled text (word-piece marks ## taken off)."""
    text, spans, last = "", [], None
    for word, mark in block:
        word = word[2:] if word.startswith("##") and len(word) > 2 else word
        place, _, name = mark.partition("-")
        start, text = len(text), text + word
        if place in "BS" or name != last or not spans:
            spans.append([LABELS[name.lower()], start, len(text)])
        else:
            spans[-1][2] = len(text)
        last = name if place not in "ES" else None
    for span in spans:
        if convention == "ncap" and span[0] == "road" and text[span[1] : span[2]].endswith("组"):
            span[0] = "group"
    return text, [tuple(span) for span in spans if span[0]]


def read(path, convention):
    """Labelled texts of a file: a word and its mark on each line, an empty line between texts."""
    out, block = [], []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        parts = line.split()
        if parts:
            block.append(parts)
        elif block:
            out.append(spans_of_block(block, convention))
            block = []
    return out


def tags_of(spans, starts, size):
    """Tag of each token; None where a span cuts a number."""
    ends = [*starts[1:], size]
    first, last = {s: i for i, s in enumerate(starts)}, {e: i for i, e in enumerate(ends)}
    tags = np.full(len(starts), 4 * len(NAMES), np.int32)
    for name, start, end in spans:
        if start not in first or end not in last:
            return None
        i, j, base = first[start], last[end], 4 * NAMES.index(name)
        if i == j:
            tags[i] = base + 3
        else:
            tags[i], tags[i + 1 : j], tags[j] = base, base + 1, base + 2
    return tags


def prepare(rows):
    """Hashed features (28 bits), gold tags and offsets of the texts that can be learned from."""
    names, kinds = lexicon()
    features, gold = [], []
    for text, spans in rows:
        points = folded_points(text)
        starts, codes, values = (np.empty(len(points), np.int32) for _ in range(3))
        n = tokens_of(points, starts, codes, values)
        tags = tags_of(spans, starts[:n].tolist(), len(text))
        if tags is None:
            continue
        out = np.empty((n, FEATURES), np.uint32)
        features_of(codes, values, n, names, kinds, CLASSES, TAILS, out)
        features.append(out >> np.uint32(4))
        gold.append(tags)
    offsets = np.zeros(len(gold) + 1, np.int64)
    np.cumsum([len(tags) for tags in gold], out=offsets[1:])
    return np.concatenate(features), np.concatenate(gold), offsets


def train(rows, path, about, least, dense, drop, epochs, most):
    """Train, keep the pairs that count most, train those again, write them."""
    hashed, gold, offsets = prepare(rows)
    known, inverse, counts = np.unique(hashed, return_inverse=True, return_counts=True)
    kept = counts >= least
    numbers = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    features, known, counts = numbers[inverse.reshape(hashed.shape)], known[kept], counts[kept]
    k = len(NAMES)
    mark = np.zeros((len(known), 4 * k + 1), np.uint8)
    mark_pairs(features, gold, mark)
    mark[counts >= dense] = np.isin(np.arange(4 * k + 1), gold)
    weights, moves, pointers, tags = fit(features, gold, offsets, mark, drop, epochs)
    worth = np.abs(weights) * np.repeat(counts, np.diff(pointers)) ** 0.25
    if len(worth) > most:
        least_worth = np.partition(worth, -most)[-most]
        owner = np.repeat(np.arange(len(known)), np.diff(pointers))
        gone = worth < least_worth
        mark[owner[gone], tags[gone]] = 0
        weights, moves, pointers, tags = fit(features, gold, offsets, mark, drop, epochs)
    per = np.diff(pointers)
    write_model(path, NAMES, about, known[per > 0], per[per > 0].astype(np.uint8), tags.astype(np.uint8),
                weights * SHARPNESS, moves * SHARPNESS)  # fmt: skip


def fit(features, gold, offsets, mark, drop, epochs):
    """Weights of the marked pairs, averaged over the second half of the passes."""
    k, ends = len(NAMES), np.array(transition_sizes(len(NAMES)))
    pointers = np.zeros(len(mark) + 1, np.int64)
    np.cumsum(mark.sum(1), out=pointers[1:])
    tags = np.nonzero(mark)[1].astype(np.int32)
    weights, squares = np.zeros(len(tags), np.float32), np.zeros(len(tags), np.float32)
    moves, move_squares = np.zeros(ends[-1]), np.zeros(ends[-1])
    mean, mean_moves = np.zeros(len(tags)), np.zeros(ends[-1])
    rng = np.random.default_rng(0)
    for number in range(epochs):
        order = rng.permutation(len(offsets) - 1)
        likely = epoch(
            order,
            offsets,
            features,
            gold,
            pointers,
            tags,
            weights,
            squares,
            moves,
            move_squares,
            ends,
            k,
            RATE,
            drop,
            number + 1,
        )
        print(
            f"  pass {number + 1}: log-likelihood {likely / len(gold):.4f} per token, {len(tags)} weights",
            flush=True,
        )
        if number >= epochs // 2:
            mean += weights
            mean_moves += moves
    return mean / (epochs - epochs // 2), mean_moves / (epochs - epochs // 2), pointers, tags


def measure(model, rows, floor):
    """F1 over spans, share of texts all right, µs of CPU time per text."""
    hit = said = true = whole = 0
    begun = time.process_time()
    answers = [model.spans(text, floor) for text, _ in rows]
    spent = time.process_time() - begun
    for (_, spans), answer in zip(rows, answers, strict=True):
        got, gold = {span[:3] for span in answer}, set(spans)
        hit, said, true = hit + len(got & gold), said + len(got), true + len(gold)
        whole += got == gold
    return 200 * hit / (said + true), 100 * whole / len(rows), 1e6 * spent / len(rows)


def main():
    """Read the arguments and do it."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("task", choices=["measure", "write"], nargs="?", default="measure")
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("out", type=Path, nargs="?", default=Path("build"))
    arguments.add_argument("--without", type=Path)
    arguments.add_argument("--only", choices=list(SETTINGS))
    given = arguments.parse_args()
    if given.folder is None:
        print("no folder of the public train files given: nothing is trained (see --help)")
        return
    barred = set()
    if given.without:
        barred = {
            json.loads(line)["input"]
            for line in given.without.read_text(encoding="utf-8").splitlines()
        }
    for convention, settings in SETTINGS.items():
        if given.only not in (None, convention):
            continue
        parts = {
            part: read(given.folder / convention / f"{part}.txt", convention)
            for part in ("train", "dev")
        }
        rows = parts["train"] + (parts["dev"] if given.task == "write" else [])
        held = {text for text, _ in parts["dev"]} if given.task == "measure" else set()
        used = [row for row in rows if row[0] not in barred and row[0] not in held]
        about = (
            f"Weights of address.tagger, convention {convention}. Linear-chain CRF trained by tests/bench/address/train_tagger.py "
            f"on the {'train and dev splits' if given.task == 'write' else 'train split'} of "
            + {"ncap": "github.com/leodotnet/neural-chinese-address-parsing (NAACL 2019), edition 54cf6bd",
               "swei": "github.com/swei412/address-matching dataset v2, edition 8a13a3c"}[convention]
            + f": {len(used)} texts, none of the test split. The file holds hashed features and numbers, no text of the data."
        )  # fmt: skip
        print(f"{convention}: {len(rows)} texts, {len(rows) - len(used)} kept out", flush=True)
        given.out.mkdir(parents=True, exist_ok=True)
        path = given.out / f"tagger_{convention}.npz"
        train(used, path, about, **settings)
        model = load_model(path)
        print(f"  {path.name}: {path.stat().st_size / 1e6:.2f} MB")
        if given.task == "measure":
            for floor in (0.2, 0.4):
                f1, whole, spent = measure(model, parts["dev"], floor)
                print(
                    f"  dev split, floor {floor}: F1 {f1:.2f}, all right {whole:.1f} %, {spent:.0f} µs",
                    flush=True,
                )


if __name__ == "__main__":
    main()
