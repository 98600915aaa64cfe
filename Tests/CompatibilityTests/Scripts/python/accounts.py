"""Who am I: accounts, groups, home, host name."""
import getpass
import grp
import os
import pathlib
import pwd
import socket

print(os.getresuid(), os.getresgid(), getpass.getuser(), pathlib.Path.home())
print(pwd.getpwuid(0).pw_name, [entry.pw_name for entry in pwd.getpwall()], grp.getgrgid(0).gr_name)
print(socket.gethostname())
