"""Makes the hostile pickles and archives: `python make_hostile.py`. Nothing here is ever loaded by Python.

`hostile.json` holds, under "refused", [name, words that the refusal must contain, the file as base64], and under
"sound" the [name, file] that the refused ones were made from: each holds `w`, 2x2 zeros.
"""

import base64
import io
import json
import os
import pickle
import struct
import warnings
import zipfile

os.chdir(os.path.dirname(os.path.abspath(__file__)))
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
cases = []


def case(name, words, data):
    cases.append([name, words, base64.b64encode(data).decode()])


def archive(entries, method=zipfile.ZIP_STORED, root="archive/"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries:
            entry = zipfile.ZipInfo(root + name)  # with a date of its own: the same bytes whenever it is made
            entry.compress_type = method
            z.writestr(entry, data)
    return out.getvalue()


def pickled(name, words, program, storages=(("0", b"\0" * 16),)):
    """The program as data.pkl of an archive."""
    case(name, words, archive([("data.pkl", b"\x80\x02" + program), *((f"data/{k}", v) for k, v in storages)]))


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def storage(key="0", kind=b"FloatStorage", count=b"K\x04"):
    return b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + count + b"tQ"


def tensor(shape=b"K\x02K\x02\x86", strides=b"K\x02K\x01\x86", offset=b"K\0", source=None):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + (source or storage()) + offset + shape + strides + b"\x89}tR"


def state(value, key="w"):
    return b"}" + text(key) + value + b"s."


def long1(n):
    return b"\x8a\x09" + n.to_bytes(8, "little") + b"\0" if n >> 63 else b"\x8a\x08" + n.to_bytes(8, "little")


# The sound files that the refused ones are made from, and where their parts lie.
RUN = b"(" + text("touch /tmp/cartoonize-was-here") + b"t"
GOOD = state(tensor())
WHOLE = archive([("data.pkl", b"\x80\x02" + GOOD), ("data/0", b"\0" * 16)])
DEFLATED = archive([("data.pkl", b"\x80\x02" + GOOD), ("data/0", b"\0" * 16)], zipfile.ZIP_DEFLATED)
DIRECTORY = WHOLE.index(b"PK\1\2")
SECOND = WHOLE.index(b"PK\1\2", DIRECTORY + 4)
END = WHOLE.index(b"PK\5\6")
ZIP64 = (
    WHOLE[:END]
    + struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2, 2, END - DIRECTORY, DIRECTORY)
    + struct.pack("<IIQI", 0x07064B50, 0, END, 1)
    + WHOLE[END:]
)
LITTLE_ENDIAN = b"}" + text("little_endian") + b"\x88s"
FOUR_ZEROS = struct.pack("<q", 4) + b"\0" * 16


def code_execution():
    """Code execution, by every opcode that can call or import something."""
    pickled("REDUCE os.system", "the name posix.system", b"cposix\nsystem\n" + RUN + b"R.")
    pickled("REDUCE eval", "the name __builtin__.eval", b"c__builtin__\neval\n" + RUN + b"R.")
    pickled("REDUCE getattr", "the name builtins.getattr", b"cbuiltins\ngetattr\n" + RUN + b"R.")
    pickled("allowed module, other name", "a call of torch.load", b"ctorch\nload\n" + RUN + b"R.")
    pickled("allowed module, other storage", "persistent id", state(tensor(source=storage(kind=b"QUInt8Storage"))))
    pickled(
        "allowed module, hidden name",
        "the name collections.OrderedDict.fromkeys",
        b"ccollections\nOrderedDict.fromkeys\n)R.",
    )
    pickled("torch._utils, other name", "no dictionary of tensors", b"ctorch._utils\n_rebuild_qtensor\n)R.")
    pickled("numpy loads objects", "no dictionary of tensors", b"cnumpy.core.multiarray\n_reconstruct\n)R.")
    pickled(
        "nested pickle", "a call of torch.storage._load_from_bytes", b"ctorch.storage\n_load_from_bytes\n" + RUN + b"R."
    )
    pickled("terminal escapes in a name", "\\u{1b}[2J", b"cos\n\x1b[2Jsystem\n)R.")
    pickled("INST", "the name posix.system", b"(" + text("ls") + b"iposix\nsystem\n.")
    pickled("OBJ", "the name os.system", b"(cos\nsystem\n" + text("ls") + b"o.")
    pickled("NEWOBJ", "the name os.system", b"cos\nsystem\n)\x81.")
    pickled("NEWOBJ_EX", "the name os.system", b"cos\nsystem\n)}\x92.")
    pickled("NEWOBJ of a rebuilding function", "may be named", b"ctorch._utils\n_rebuild_tensor_v2\n)\x81.")
    pickled("NEWOBJ of a text", "no name", text("os.system") + b")\x81.")
    pickled("STACK_GLOBAL", "the name posix.system", text("posix") + text("system") + b"\x93.")
    pickled("STACK_GLOBAL of numbers", "no text", b"K\1K\2\x93.")
    pickled("call of an object", "no name", b"cargparse\nNamespace\n)\x81)R.")
    pickled("call of a package's function", "a call of package.module.load", b"cpackage.module\nload\n)R.")
    pickled("a name that is none", "the name package.Class\\u{d}", b"cpackage\nClass\r\n)\x81.")
    pickled("a name with a blank", "the name collections .OrderedDict", b"ccollections \nOrderedDict\n)R.")
    for name, code in (("EXT1", b"\x82\1"), ("EXT2", b"\x83\1\0"), ("EXT4", b"\x84\1\0\0\0")):
        pickled(name, f"the opcode {name}", code + b".")
    pickled("protocol 6", "protocol 6", b"\x80\x06N.")
    pickled("PERSID", "the opcode PERSID", b"Pstorage\n.")
    pickled("POP", "stack is empty", b"N0.")
    pickled("BUFFER", "the opcode NEXT_BUFFER", b"\x97.")
    pickled("BUILD on a class", "BUILD on something", b"ctorch\nFloatStorage\n}b.")
    pickled("call of a class that is only named", "may be named", b"ctorch\nFloatStorage\n)R.")
    pickled("call of a dictionary", "no name", b"})R.")
    pickled("call of a list", "no tuple", b"ccollections\nOrderedDict\n]R.")
    pickled(
        "OrderedDict of arguments",
        "OrderedDict made with arguments",
        b"ccollections\nOrderedDict\n" + text("a") + b"\x85R.",
    )
    pickled("persistent id of a module", "persistent id", b"(" + text("module") + b"NNNNtQ.")
    pickled("persistent id of text", "persistent id", text("storage") + b"Q.")
    pickled("negative storage", "persistent id", state(tensor(source=storage(count=b"J\xff\xff\xff\xff"))))
    pickled(
        "view of a storage",
        "a view",
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04)tQ.",
    )


def broken_programs():
    """Programs of the pickle machine that are no programs."""
    for name, words, program in (
        ("empty", "cut short", b""),
        ("no stop", "cut short", b"N"),
        ("stop at once", "stack is empty", b"."),
        ("unknown opcode", "opcode 0xff", b"\xff."),
        ("tuple without a mark", "mark is missing", b"t."),
        ("pop across a mark", "stack is empty", b"N(\x85."),
        ("pop of too much", "stack is empty", b"N\x86."),
        ("memo never stored", "recalls", b"h\0."),
        ("memo of nothing", "stack is empty", b"q\0."),
        ("text beyond the end", "cut short", b"X\xff\xff\xff\0a."),
        ("text of 4 GB", "longer than", b"X\xff\xff\xff\xffa."),
        ("text not UTF-8", "UTF-8", b"X\1\0\0\0\xff."),
        ("name without an end", "does not end", b"ctorch\n" + b"x" * 400 + b"\n."),
        ("append to a dictionary", "no list", b"}Na."),
        ("appends to a tuple", "no list", b")(NNe."),
        ("set on a list", "no dictionary", b"]NNs."),
        ("odd number of items", "no dictionary", b"}(NNNu."),
        ("not a dictionary", "no dictionary of tensors", b"N."),
        ("a tensor alone", "no dictionary of tensors", tensor() + b"."),
        ("no tensors", "no dictionary of tensors", b"}."),
        ("state_dict in itself", "no dictionary of tensors", b"}q\0" + text("state_dict") + b"h\0s."),
        ("list in itself", "no dictionary of tensors", b"]q\0h\0a."),
    ):
        pickled(name, words, program)


def lying_tensors():
    """Tensors that lie about where they are."""
    big = 1 << 62
    for name, words, value in (
        ("beyond its storage", "reaches outside", tensor(shape=b"K\x03K\x02\x86")),
        ("offset beyond its storage", "reaches outside", tensor(offset=b"K\x01")),
        ("offset of 2^62", "reaches outside", tensor(offset=long1(big))),
        ("offset of 2^63", "no sense", tensor(offset=long1(1 << 63))),
        ("negative offset", "no sense", tensor(offset=b"J\xff\xff\xff\xff")),
        ("negative side", "no sense", tensor(shape=b"J\xff\xff\xff\xffK\x02\x86")),
        ("negative stride", "no sense", tensor(strides=b"J\xff\xff\xff\xffK\x01\x86")),
        ("strides of another rank", "no sense", tensor(strides=b"K\x01\x85")),
        ("sides that overflow", "reaches outside", tensor(shape=long1(big) + long1(big) + b"\x86")),
        ("strides that overflow", "reaches outside", tensor(strides=long1(big) + long1(big) + b"\x86")),
        ("repeated without end", "four times", tensor(shape=long1(big) + b"\x85", strides=b"K\0\x85")),
        (
            "repeated 16 TB",
            "four times",
            tensor(shape=long1(1 << 21) + long1(1 << 21) + b"\x86", strides=b"K\0K\0\x86"),
        ),
        ("rank 17", "no sense", tensor(shape=b"(" + b"K\x01" * 17 + b"t", strides=b"(" + b"K\x01" * 17 + b"t")),
        ("shape of texts", "no sense", tensor(shape=text("a") + b"\x85")),
        ("storage that is none", "no sense", tensor(source=b"N")),
        ("storage of 2^62", "not what", tensor(source=storage(count=long1(big)))),
        ("storage too small", "not what", tensor(source=storage(count=b"K\x05"))),
        ("storage not there", "lacks the storage 9", tensor(source=storage(key="9"))),
        ("storage elsewhere", "lacks the storage ../data/0", tensor(source=storage(key="../data/0"))),
    ):
        pickled(name, words, state(value))
    pickled(
        "storage in two ways",
        "two ways",
        b"}" + text("a") + tensor() + b"s" + text("b") + tensor(source=storage(kind=b"IntStorage")) + b"s.",
    )
    pickled("key twice", "holds w twice", b"}" + text("w") + tensor() + b"s" + text("w") + tensor() + b"s.")


def bombs():
    """Doubling by memo; deep nesting and endless opcodes are made by the tests themselves."""
    pickled(
        "memo bomb",
        "no dictionary of tensors",
        b"N" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(120)) + b".",
    )


def patched(offset, form, value, base=WHOLE):
    out = bytearray(base)
    struct.pack_into(form, out, offset, value)
    return bytes(out)


def archives():
    """Archives that are none, or none of PyTorch's."""
    case("no data.pkl", "with 0 data.pkl", archive([("other", b"x")]))
    case("two data.pkl", "with 2 data.pkl", archive([("a/data.pkl", b"x"), ("b/data.pkl", b"x")], root=""))
    case("nested zip", "with 0 data.pkl", archive([("inner.zip", archive([("data.pkl", GOOD)]))]))
    case(
        "zip bomb",
        "4 times its size",
        archive([("data.pkl", b"\x80\x02" + GOOD), ("data/0", b"\0" * 1_000_000)], zipfile.ZIP_DEFLATED),
    )
    case(
        "big-endian",
        "big-endian",
        archive([("data.pkl", b"\x80\x02" + GOOD), ("data/0", b"\0" * 16), ("byteorder", b"big")]),
    )
    for name in ("../../etc/passwd", "/etc/passwd", "a/../../b", "a\\b"):
        case(
            f"path {name}", "leads outside", archive([("archive/data.pkl", b"\x80\x02" + GOOD), (name, b"x")], root="")
        )
    warnings.simplefilter("ignore")  # zipfile warns of the name that comes twice
    case(
        "entry twice",
        "twice",
        archive([("data.pkl", b"\x80\x02" + GOOD), ("data/0", b"\0" * 16), ("data/0", b"\1" * 16)]),
    )


def damaged_archives():
    """Headers and directories that contradict each other."""
    case("encrypted", "encrypted", patched(DIRECTORY + 8, "<H", 1))
    case("method unknown", "other than deflate", patched(DIRECTORY + 10, "<H", 99))
    case("sizes that differ", "other than deflate", patched(DIRECTORY + 24, "<I", 1 << 30))
    at = DEFLATED.index(b"PK\1\2")
    case("deflate that ends early", "cannot be unpacked", patched(at + 24, "<I", 500, DEFLATED))
    case("deflate that goes on", "cannot be unpacked", patched(at + 24, "<I", 5, DEFLATED))
    case(
        "deflate of noise", "cannot be unpacked", patched(30 + len("archive/data.pkl") + 3, "<I", 0xFFFFFFFF, DEFLATED)
    )
    case("size beyond the file", "outside", patched(SECOND + 20, "<I", 1 << 30, patched(SECOND + 24, "<I", 1 << 30)))
    case(
        "size of 4 GB - 1, no zip64",
        "outside",
        patched(SECOND + 20, "<I", 0xFFFFFFFF, patched(SECOND + 24, "<I", 0xFFFFFFFF)),
    )
    case("header beyond the file", "outside", patched(SECOND + 42, "<I", 1 << 30))
    case("header in the middle of nowhere", "is not where", patched(SECOND + 42, "<I", 5))
    case("header of another entry", "is not where", patched(SECOND + 42, "<I", 0))
    longer = struct.unpack_from("<I", WHOLE, DIRECTORY + 20)[0] + 20
    case("entry over the next", "overlap", patched(DIRECTORY + 20, "<I", longer, patched(DIRECTORY + 24, "<I", longer)))
    case("directory beyond the file", "outside", patched(END + 16, "<I", 1 << 30))
    case("directory too long", "outside", patched(END + 12, "<I", 1 << 30))
    case("directory too short", "directory", patched(END + 12, "<I", 50))
    case("fewer entries than claimed", "directory entry", patched(END + 10, "<H", 3))
    case("more entries than claimed", "another length", patched(END + 10, "<H", 1))
    case("local name differs", "another name", patched(30, "<B", ord("X")))
    case("no end", "has no end", WHOLE[:-1])
    case("comment that lies", "has no end", patched(END + 20, "<H", 7))
    case("zip64 record elsewhere", "zip64 record", patched(END + 56 + 8, "<Q", 7, ZIP64))
    case("zip64 record at 2^64", "zip64 record", patched(END + 56 + 8, "<Q", (1 << 64) - 1, ZIP64))
    case("zip64 entries 2^64", "lists", patched(END + 32, "<Q", (1 << 64) - 1, ZIP64))
    case("zip64 directory at 2^64", "outside", patched(END + 48, "<Q", (1 << 64) - 1, ZIP64))
    case("zip64 directory of 2^64", "outside", patched(END + 40, "<Q", (1 << 64) - 1, ZIP64))


def legacy(program, keys=("0",), data=FOUR_ZEROS, version=b"M\xe9\x03", system=LITTLE_ENDIAN):
    listed = b"](" + b"".join(text(k) for k in keys) + b"e."
    return (
        MAGIC
        + b"\x80\x02"
        + version
        + b".\x80\x02"
        + system
        + b"."
        + b"\x80\x02"
        + program
        + b"\x80\x02"
        + listed
        + data
    )


def legacy_files():
    """The format from before PyTorch 1.6."""
    case("legacy: other version", "version", legacy(GOOD, version=b"M\xea\x03"))
    case("legacy: big-endian", "big-endian", legacy(GOOD, system=b"}" + text("little_endian") + b"\x89s"))
    case("legacy: byte order missing", "big-endian", legacy(GOOD, system=b"}"))
    case("legacy: code", "the name posix.system", legacy(b"cposix\nsystem\n" + RUN + b"R."))
    case(
        "legacy: code in the list of storages",
        "the name posix.system",
        MAGIC
        + b"\x80\x02M\xe9\x03.\x80\x02}"
        + text("little_endian")
        + b"\x88s.\x80\x02"
        + GOOD
        + b"cposix\nsystem\n"
        + RUN
        + b"R.",
    )
    case("legacy: storage missing", "does not fit", legacy(GOOD, keys=(), data=b""))
    case("legacy: storage unknown", "does not fit", legacy(GOOD, keys=("0", "1")))
    case("legacy: storage twice", "does not fit", legacy(GOOD, keys=("0", "0")))
    case(
        "legacy: storage of another size", "5 values instead of 4", legacy(GOOD, data=struct.pack("<q", 5) + b"\0" * 20)
    )
    case("legacy: negative size", "-1 values instead of 4", legacy(GOOD, data=struct.pack("<q", -1) + b"\0" * 16))
    case("legacy: cut short", "beyond the file's end", legacy(GOOD, data=struct.pack("<q", 4) + b"\0" * 15))
    case("legacy: no data", "beyond the file's end", legacy(GOOD, data=b""))
    case("legacy: more data", "does not fit", legacy(GOOD, data=struct.pack("<q", 4) + b"\0" * 17))
    case("legacy: magic alone", "cut short", MAGIC)
    case("tar", "tar archive", b"storages" + b"\0" * 249 + b"ustar\0" + b"\0" * 250)
    case("another pickle", "neither safetensors nor", pickle.dumps({"a": 1}))


def with_zip64_field():
    """The archive with sizes and offset of its second entry in a zip64 field, as beyond 4 GB, and where that is."""
    extra = struct.pack("<HHQQQ", 1, 24, 16, 16, struct.unpack_from("<I", WHOLE, SECOND + 42)[0])
    name_end = SECOND + 46 + struct.unpack_from("<H", WHOLE, SECOND + 28)[0]
    large = bytearray(WHOLE[:name_end] + extra + WHOLE[name_end:])
    struct.pack_into("<II", large, SECOND + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<I", large, SECOND + 42, 0xFFFFFFFF)
    struct.pack_into("<H", large, SECOND + 30, len(extra))
    struct.pack_into("<I", large, END + len(extra) + 12, END - DIRECTORY + len(extra))
    return large, name_end


def beside(value, protocol=b"\x80\x02"):
    """What training leaves beside the weights: objects of classes that are not known here, which stay closed."""
    return archive(
        [("data.pkl", protocol + b"}(" + text("x") + value + text("w") + tensor() + b"u."), ("data/0", b"\0" * 16)]
    )


def sound_files(large):
    """Name and file of those that are to be read; that of the zip64 field is `large`."""
    opened = [
        ["deflated", DEFLATED],
        ["an object", beside(b"cpackage.settings\nSettings\n)\x81}(" + text("a") + b"K\1ub")],
        ["an object made by its class", beside(b"cpackage.kinds\nKind\n" + text("a") + b"\x85R")],
        ["argparse", beside(b"cargparse\nNamespace\n)\x81}b")],
        ["a set", beside(b"c__builtin__\nset\n]" + text("a") + b"a\x85R")],
        ["an empty set and bytes", beside(b"\x8f(C\2abK\1\x90")],
        ["torch.dtype", beside(b"ctorch\nfloat16\n")],
        ["torch.device", beside(b"ctorch\ndevice\n" + text("cpu") + b"\x85R")],
        ["defaultdict", beside(b"ccollections\ndefaultdict\nc__builtin__\nint\n\x85R")],
        ["protocol 4", beside(b"\x8c\7pathlib\x8c\tPosixPath\x93\x8c\1a\x85R\x94", b"\x80\x04\x95" + bytes(8))],
        ["protocol 0's numbers", beside(b"I01\n0L7L\n0F1.5\n0S'a'\n0Vb\n")],
        [
            "under model",
            archive(
                [("data.pkl", b"\x80\x02}" + text("model") + state(tensor())[:-1] + b"s."), ("data/0", b"\0" * 16)]
            ),
        ],
        [
            "untyped storage",
            archive(
                [
                    (
                        "data.pkl",
                        b"\x80\x02"
                        + state(
                            b"ctorch._utils\n_rebuild_tensor_v3\n("
                            + b"("
                            + text("storage")
                            + b"ctorch.storage\nUntypedStorage\n"
                            + text("0")
                            + text("cpu")
                            + b"K\x10tQK\0K\2K\2\x86K\2K\1\x86\x89}ctorch\nfloat32\nNtR"
                        ),
                    ),
                    ("data/0", b"\0" * 16),
                ]
            ),
        ],
    ]
    return [
        *opened,
        ["zip", WHOLE],
        ["zip with a comment", WHOLE[:-2] + b"\x02\x00hi"],
        ["zip64 record", ZIP64],
        ["zip64 field", bytes(large)],
        ["legacy", legacy(GOOD)],
        ["legacy of protocol 4", b"\x80\x04\x95\x0d" + bytes(7) + MAGIC[2:] + legacy(GOOD)[len(MAGIC) :]],
        ["legacy of protocol 3", b"\x80\x03" + legacy(GOOD)[2:]],
        [
            "a sparse tensor",
            beside(
                b"ctorch._utils\n_rebuild_sparse_tensor\n(ctorch.serialization\n_get_layout\n"
                + text("torch.sparse_coo")
                + b"\x85RNtR"
            ),
        ],
    ]


def main():
    code_execution()
    broken_programs()
    lying_tensors()
    bombs()
    archives()
    damaged_archives()
    legacy_files()
    large, field = with_zip64_field()
    case("zip64 field too short", "too short", patched(field + 2, "<H", 16, large))
    sound = sound_files(large)
    with open("hostile.json", "w") as file:
        json.dump({"refused": cases, "sound": [[n, base64.b64encode(d).decode()] for n, d in sound]}, file, indent=0)
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
