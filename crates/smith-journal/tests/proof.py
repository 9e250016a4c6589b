"""Verifies an export of `smith audit export` by its document alone: docs/reference/audit-export.md."""
import gzip, hashlib, json, struct, sys


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text(value):
    data = value.encode()
    return struct.pack(">I", len(data)) + data


def row_hash(previous, row):
    numbers = struct.pack(">Qq", row["seq"], row["at"])
    names = text(row["actor"]) + text(row["stream"]) + text(row["kind"])
    return sha256(previous, numbers, names, struct.pack(">H", row["version"]), text(row["body"]))


def need(condition, words):
    if not condition:
        raise ValueError(words)


class Tree:
    def __init__(self):
        self.peaks, self.size = [], 0

    def put(self, rows, node):
        need(rows > 0 and rows & (rows - 1) == 0 and self.size % rows == 0, "misplaced rows")
        self.size += rows
        while self.peaks and self.peaks[-1][0] == rows:
            rows, node = 2 * rows, sha256(b"\1", self.peaks.pop()[1], node)
        self.peaks.append((rows, node))

    def leaf(self, hash):
        self.put(1, sha256(b"\0", hash))

    def root(self):
        root = None
        for _, node in reversed(self.peaks):
            root = node if root is None else sha256(b"\1", node, root)
        return root


def verify(data, kept=()):
    """What the export proves, and those of the checkpoints that it cannot be compared with."""
    first, packed = data[:93], data[93:]
    need(first[:28] == b"smith audit export 1 sha256 " and first[92:] == b"\n", "no export")
    need(first[28:92].decode() == hashlib.sha256(packed).hexdigest(), "the file was changed")
    lines = gzip.decompress(packed).decode().split("\n")
    need(lines.pop() == "", "the last line is torn")
    about, tree, previous, body, end = None, Tree(), bytes(32), None, None
    states, wanted = {}, {one["seq"] for one in kept}
    counts = {"chosen": 0, "others": 0, "omitted": 0, "attached": 0}
    for line in lines:
        ((what, it),) = json.loads(line).items()
        need(end is None and (what == "export") == (about is None), "lines are out of order")
        if what == "export":
            about = it
        elif what == "row":
            need(it["seq"] == tree.size + 1, "a row is missing or moved")
            need(it["chosen"] or about["scope"] == "everything", "a row was not chosen")
            need(previous is not None, "the hash before a row is missing")
            previous, body = row_hash(previous, it), it["body"]
            need(previous.hex() == it["hash"], "row %d was changed" % it["seq"])
            tree.leaf(previous)
            counts["chosen" if it["chosen"] else "others"] += 1
        elif what == "omitted":
            need(about["scope"] == "chosen" and (("node" in it) != ("hash" in it)), "wrong omission")
            need("node" in it or it["rows"] == 1, "wrong omission")
            need("hash" in it or tree.size > 0, "the first row has no hash")
            previous, body = (bytes.fromhex(it["hash"]) if "hash" in it else None), None
            tree.put(it["rows"], bytes.fromhex(it["node"])) if previous is None else tree.leaf(previous)
            counts["omitted"] += it["rows"]
        elif what == "attached":
            need(body is not None and it["sha256"] in body, "nothing names an attachment")
            need(it["text"] is None or sha256(it["text"].encode()).hex() == it["sha256"], "an attachment was changed")
            counts["attached"] += 1
        elif what in ("checkpoint", "end"):
            need(previous is not None, "a hash is missing")
            found = (tree.size, previous.hex(), tree.root().hex())
            need((it["seq"], it["hash"], it["root"]) == found, "the rows up to %d are others" % tree.size)
            if what == "end":
                end = it
        else:
            raise ValueError("an unknown line")
        if tree.size == 1:
            need(previous.hex() == about["journal"], "another journal")
        if tree.size in wanted and previous is not None:
            states[tree.size] = {"hash": previous.hex(), "root": tree.root() and tree.root().hex()}
    need(end is not None and all(end[name] == counts[name] for name in counts), "the counts are others")
    for one in kept:
        need(one["seq"] <= end["seq"], "row %d is missing, of which there is a checkpoint" % one["seq"])
        found = states.get(one["seq"], {})
        same = all(one.get(name) in (None, value) for name, value in found.items())
        need(same or one["seq"] == 0, "the checkpoint of row %d is of another journal" % one["seq"])
    return end, [one["seq"] for one in kept if one["seq"] not in states and one["seq"] > 0]


if __name__ == "__main__":
    try:
        kept = [json.loads(line) for path in sys.argv[2:] for line in open(path)]
        end, not_compared = verify(open(sys.argv[1], "rb").read(), kept)
    except Exception as error:
        sys.exit("bad: %s" % error)
    print("good: %(chosen)d chosen, %(others)d others, %(omitted)d omitted, head %(seq)d:%(hash)s, root %(root)s" % end)
    if not_compared:
        sys.exit("the checkpoints of rows %s could not be compared" % not_compared)
