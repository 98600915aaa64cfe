"""sqlite3: a database file with a write-ahead log, transactions, full text search, two connections, a backup."""
import sqlite3

print("version", sqlite3.sqlite_version)
connection = sqlite3.connect("library.db")
print("journal", connection.execute("PRAGMA journal_mode=WAL").fetchone())
connection.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT UNIQUE, year INTEGER)")
connection.executemany("INSERT INTO book (title, year) VALUES (?, ?)", [(f"Book {n}", 1900 + n % 100) for n in range(5000)])
connection.commit()
reader = sqlite3.connect("library.db")
print("rows", reader.execute("SELECT count(*), min(year), max(year) FROM book").fetchone())
try:
    with connection:
        connection.execute("INSERT INTO book (title, year) VALUES ('Book 1', 1)")
except sqlite3.IntegrityError as error:
    print("refused", error)
connection.execute("BEGIN IMMEDIATE")
other = sqlite3.connect("library.db", timeout=0.05)
try:
    other.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print("locked", error)
connection.rollback()
connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
connection.executemany("INSERT INTO words VALUES (?)", [("a red fox",), ("a blue bird",), ("the red bird",)])
connection.commit()
print("found", connection.execute("SELECT text FROM words WHERE words MATCH 'red AND bird'").fetchall())
copy = sqlite3.connect("copy.db")
with copy:
    connection.backup(copy)
print("check", copy.execute("PRAGMA integrity_check").fetchone(), copy.execute("SELECT count(*) FROM book").fetchone())
for each in (reader, other, copy, connection):
    each.close()
