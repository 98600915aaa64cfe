"""Numbers, dates, time zones, locales, text: what depends on data files of the host."""
import calendar
import datetime
import decimal
import fractions
import locale
import mimetypes
import os
import random
import re
import statistics
import time
import unicodedata
import zoneinfo

decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), fractions.Fraction(1, 3) + fractions.Fraction(1, 6))
random.seed(7)
print([random.randint(1, 100) for _ in range(10)], round(random.gauss(0, 1), 12))
print(statistics.mean([1, 2, 3, 4]), statistics.stdev([1, 2, 3, 4]), 0.1 + 0.2, 2 ** 200, hash(3.5))
moment = datetime.datetime(2024, 3, 31, 1, 30, tzinfo=datetime.timezone.utc)
for zone in ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"):
    print(zone, moment.astimezone(zoneinfo.ZoneInfo(zone)).isoformat())
print(len(zoneinfo.available_timezones()) > 400)
for zone in ("Europe/Paris", "JST-9", ""):
    os.environ["TZ"] = zone
    time.tzset()
    print(repr(zone), time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(1700000000)))
del os.environ["TZ"]
time.tzset()
print("local", time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(1700000000)))
print(locale.setlocale(locale.LC_ALL, ""), locale.getpreferredencoding(), locale.localeconv()["decimal_point"])
try:
    print(locale.setlocale(locale.LC_ALL, "de_DE.UTF-8"))
except locale.Error as error:
    print(error)
print(calendar.month(2024, 2), unicodedata.name("ß"), "straße".upper(), re.findall(r"\w+", "naïve café"))
print(mimetypes.guess_type("a.json"), mimetypes.guess_type("a.tar.gz"), mimetypes.guess_type("a.odt"))
