/// The modules of Python's own library, old and new, and of its installers.
///
/// Nothing in a pickle is ever looked up or called, whatever its name. The list serves honesty: a file of "weights" that
/// names `os.system` is refused with that name and not passed over in silence.
enum PythonLibrary {
    static let modules = Set(
        """
        BaseHTTPServer ConfigParser Cookie HTMLParser Queue SimpleHTTPServer SocketServer StringIO Tkinter
        UserDict __builtin__ _aix_support _android_support _asyncio _codecs _collections _colorize _ctypes
        _frozen_importlib _frozen_importlib_external _functools _imp _interpreters _io _multiprocessing
        _operator _osx_support _pickle _posixsubprocess _pyrepl _sitebuiltins _socket _sqlite3 _ssl
        _testcapi _thread _weakref _winapi abc aifc antigravity anydbm argparse array ast asynchat asyncio
        asyncore atexit audioop base64 bdb binascii binhex bisect builtins bz2 cPickle cProfile cStringIO
        calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys commands compileall
        compiler concurrent configparser contextlib contextvars copy copy_reg copyreg crypt csv ctypes
        curses dataclasses datetime dbm decimal difflib dircache dis distutils doctest dummy_thread
        dummy_threading email encodings ensurepip enum errno exceptions execfile faulthandler fcntl filecmp
        fileinput fnmatch formatter fractions ftplib functools gc gdbm genericpath getopt getpass gettext
        glob graphlib grp gzip hashlib heapq hmac hotshot html htmllib http httplib idlelib ihooks imaplib
        imghdr imp importlib imputil inspect io ipaddress itertools json keyword lib2to3 linecache locale
        logging lzma macpath mailbox mailcap marshal math md5 mhlib mimetools mimetypes mimify mmap
        modulefinder msilib msvcrt multifile multiprocessing netrc new nis nntplib nt ntpath nturl2path
        numbers opcode operator optparse os ossaudiodev parser pathlib pdb pickle pickletools pip pipes
        pkg_resources pkgutil platform plistlib popen2 poplib posix posixfile posixpath pprint profile
        pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib
        resource rexec rlcompleter robotparser runpy sched secrets select selectors sets setuptools sgmllib
        sha shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3
        sre_compile sre_constants sre_parse ssl stat statistics statvfs string stringprep struct subprocess
        sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios test textwrap
        this thread threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty
        turtle turtledemo types typing unicodedata unittest urllib urllib2 urlparse user uu uuid venv
        warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc xmlrpclib zipapp zipfile
        zipimport zlib zoneinfo
        """.split(whereSeparator: \.isWhitespace).map(String.init))
}
