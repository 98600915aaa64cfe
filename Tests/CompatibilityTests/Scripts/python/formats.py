"""Files in the usual formats: pickle, JSON, CSV, zip, tar, gzip, bz2, lzma, INI, TOML, XML, base64, struct, dbm."""
import base64
import bz2
import configparser
import csv
import dbm.dumb
import gzip
import io
import json
import lzma
import pickle
import shelve
import struct
import tarfile
import tomllib
import xml.etree.ElementTree as tree
import zipfile
import zlib

data = {"name": "Jürgen", "numbers": list(range(50)), "nested": {"none": None, "true": True, "pi": 3.14159}}
open("data.pickle", "wb").write(pickle.dumps(data, 4))
print("pickle", pickle.load(open("data.pickle", "rb")) == data)
json.dump(data, open("data.json", "w"), indent=2, ensure_ascii=False)
print("json", json.load(open("data.json")) == data)
with open("data.csv", "w", newline="") as file:
    csv.writer(file).writerows([["a", 'quoted "text"'], [1, "two\nlines"]])
print("csv", list(csv.reader(open("data.csv", newline=""))))
with zipfile.ZipFile("data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for number in range(20):
        archive.writestr(zipfile.ZipInfo(f"folder/{number}.txt", (2024, 1, 2, 3, 4, 6)), f"text {number}\n" * 100)
with zipfile.ZipFile("data.zip") as archive:
    print("zip", archive.testzip(), len(archive.namelist()))
    archive.extractall("unzipped")
with tarfile.open("data.tar.gz", "w:xz") as archive:
    for number in range(20):
        info = tarfile.TarInfo(f"entry-{number}")
        info.size, info.mode = 5, 0o640
        archive.addfile(info, io.BytesIO(b"entry"))
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "entry-1"
    archive.addfile(link)
with tarfile.open("data.tar.gz") as archive:
    archive.extractall("untarred", filter="data") if hasattr(tarfile, "data_filter") else archive.extractall("untarred")
    print("tar", len(archive.getnames()))
text = b"compressible " * 1000
print("compressed", len(zlib.compress(text)), len(bz2.compress(text)), len(lzma.compress(text)),
      gzip.decompress(gzip.compress(text)) == text)
config = configparser.ConfigParser()
config["section"] = {"key": "value", "other": "%(key)s"}
config.write(open("data.ini", "w"))
print("ini", config["section"]["other"], tomllib.loads('a = [1, 2]\nb = {c = "d"}'))
root = tree.Element("root")
tree.SubElement(root, "child", {"name": "é"}).text = "text"
tree.ElementTree(root).write("data.xml", encoding="utf-8", xml_declaration=True)
print("xml", tree.parse("data.xml").find("child").attrib)
print("base64", base64.b85encode(b"bytes"), struct.pack("<IhQ", 1, -2, 3))
with dbm.dumb.open("table", "c") as table:
    table["key"] = "value"
with shelve.Shelf(dbm.dumb.open("shelf", "c")) as shelf:
    shelf["list"] = [1, 2, 3]
    print("shelf", shelf["list"])
