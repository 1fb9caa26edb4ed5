"""The table of the clients that are tried: how each is installed, built and run.

A line of a guest is a line for `sh`, carried out in programs/. $PYTHON is the Python that runs
this, $BUILT a folder of this run: for what is built, $BUILT/site for packages of PyPI, and
$BUILT/node_modules for those of npm. Behind `run` come the URLs of the two services.
"""

from __future__ import annotations

from typing import NamedTuple

# What a client of XML-RPC is asked for.
CALLS = ("hello", "text", "int", "i8", "double", "boolean", "nil", "base64", "date sent",
         "date read", "struct", "fault", "no method", "kept", "methods")


class Guest(NamedTuple):
    """A client, and how it is tried.

    `version` prints one line, and fails where the client is missing. `packages` are Debian's, which
    are installed where `command` or the version is missing. `checks` are what its program says. A
    guest that visits `once` does not need each of the doors. Where `costly` says a reason, the
    client is tried only if it is already installed.
    """

    name: str
    command: str
    version: str
    run: str
    packages: tuple[str, ...] = ()
    build: str = ""
    checks: tuple[str, ...] = CALLS
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    once: bool = False
    costly: str = ""


# Those that take longest come first.
GUESTS = (
    Guest("Prometheus", "prometheus", "prometheus --version 2>&1 | head -1 | cut -d' ' -f3",
          "sh prometheus.sh", packages=("prometheus",), checks=("scrape",), once=True),
    Guest("Java, aXMLRPC", "javac",
          "unzip -p /usr/share/java/axmlrpc.jar META-INF/maven/fr.turri/aXMLRPC/pom.properties"
          " | sed -n 's/^version=//p' | grep . && java --version | head -1",
          "java -cp $BUILT:/usr/share/java/axmlrpc.jar Client",
          packages=("default-jdk-headless", "libaxmlrpc-java", "unzip"),
          build="javac -encoding UTF-8 -cp /usr/share/java/axmlrpc.jar -d $BUILT Client.java"),
    Guest("Haskell, HaXR", "ghc",
          "ghc-pkg list --simple-output haxr | sed -n 's/^haxr-//p' | grep ."
          " && echo GHC $(ghc --numeric-version)",
          "$BUILT/haskell",
          build="cp client.hs $BUILT && cd $BUILT && ghc -v0 -o haskell client.hs",
          costly="apt-get install ghc libghc-haxr-dev takes 950 MB, and half a minute"),
    Guest("C++, xmlrpc-c++", "c++", "dpkg-query -W -f '${Version}' libxmlrpc-c++8-dev",
          "$BUILT/cpp", packages=("g++", "libxmlrpc-c++8-dev"),
          build="c++ -o $BUILT/cpp client.cpp"
                " -lxmlrpc_client++ -lxmlrpc++ -lxmlrpc_client -lxmlrpc -lxmlrpc_util"),
    Guest("Go, kolo/xmlrpc", "go",
          "dpkg-query -W -f '${Version}\\n' golang-github-kolo-xmlrpc-dev && go version",
          "$BUILT/go", packages=("golang-go", "golang-github-kolo-xmlrpc-dev"),
          build="GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$BUILT/go-cache"
                " go build -o $BUILT/go client.go"),
    Guest("Emacs, xml-rpc.el", "emacs",
          "ls /usr/share/emacs/site-lisp/elpa-src | sed -n 's/^xml-rpc-//p' | grep ."
          " && emacs --version | head -1",
          "emacs -Q --batch -L /usr/share/emacs/site-lisp/elpa-src/xml-rpc-* -l client.el",
          packages=("emacs-nox", "elpa-xml-rpc")),
    Guest("OCaml, XmlRpc-Light", "ocamlfind",
          "ocamlfind query -format %v xmlrpc-light && ocamlopt -version", "$BUILT/ocaml",
          packages=("ocaml-nox", "ocaml-findlib", "libxmlrpc-light-ocaml-dev"),
          build="cp client.ml $BUILT && cd $BUILT"
                " && ocamlfind ocamlopt -w -58 -package xmlrpc-light -linkpkg -o ocaml client.ml"),
    Guest("C, xmlrpc-c", "cc", "dpkg-query -W -f '${Version}' libxmlrpc-core-c3-dev", "$BUILT/c",
          packages=("gcc", "libc6-dev", "libxmlrpc-core-c3-dev"),
          build="cc -o $BUILT/c client.c -lxmlrpc_client -lxmlrpc -lxmlrpc_util"),
    Guest("xmlrpc, the command of xmlrpc-c", "xmlrpc",
          "dpkg-query -W -f '${Version}' xmlrpc-api-utils", "sh xmlrpc.sh",
          packages=("xmlrpc-api-utils",)),
    Guest("Python, aiohttp-xmlrpc", "python3",
          "PYTHONPATH=$BUILT/site $PYTHON -c 'from importlib.metadata import version;"
          ' print(version("aiohttp-xmlrpc"), "aiohttp", version("aiohttp"))\'',
          "PYTHONPATH=$BUILT/site $PYTHON asynchronous.py", pip=("aiohttp-xmlrpc",)),
    Guest("Python, httpx", "python3",
          "PYTHONPATH=$BUILT/site $PYTHON -c 'import httpx; print(httpx.__version__)'",
          "PYTHONPATH=$BUILT/site $PYTHON plain_httpx.py", pip=("httpx",),
          checks=("hello", "text", "kept", "pages", "head")),
    Guest("Python, requests", "python3",
          "PYTHONPATH=$BUILT/site $PYTHON -c 'import requests; print(requests.__version__)'",
          "PYTHONPATH=$BUILT/site $PYTHON plain_requests.py", pip=("requests",),
          checks=("hello", "text", "kept", "pages", "head")),
    Guest("Python, xmlrpc.client", "python3", "$PYTHON --version", "$PYTHON stock.py"),
    Guest("Ruby, xmlrpc", "ruby",
          "ruby -e 'require \"xmlrpc/client\"; puts Gem::Specification.find_by_name(\"xmlrpc\")"
          ".version, RUBY_DESCRIPTION[/ruby [^ ]+/]'",
          "ruby client.rb", packages=("ruby", "ruby-xmlrpc")),
    Guest("Perl, RPC::XML", "perl", "perl -MRPC::XML -e 'print qq(Perl $^V, )'"
          " && dpkg-query -W -f '${Version}' librpc-xml-perl",
          "perl rpc_xml.pl", packages=("perl", "librpc-xml-perl")),
    Guest("Perl, Frontier::Client", "perl",
          "perl -MFrontier::Client -e 'print qq(Perl $^V, )'"
          " && dpkg-query -W -f '${Version}' libfrontier-rpc-perl",
          "perl frontier.pl", packages=("perl", "libfrontier-rpc-perl")),
    Guest("PHP, its extension xmlrpc", "php",
          "php -r 'extension_loaded(\"xmlrpc\") || exit(1);"
          " echo phpversion(\"xmlrpc\"), \", PHP \", PHP_VERSION;'",
          "php client.php", packages=("php-cli", "php-xmlrpc")),
    Guest("Node, xmlrpc of npm", "npm",
          "node -p 'require(\"xmlrpc/package.json\").version + \", Node \" + process.version'",
          "node client.js", packages=("nodejs", "npm"), npm=("xmlrpc",)),
    Guest("Node, fetch and http", "node", "node --version", "node fetch.js", packages=("nodejs",),
          checks=("hello", "pages", "head", "kept")),
    Guest("Tcl, xmlrpc", "tclsh",
          "echo 'puts \"[package require xmlrpc], Tcl [info patchlevel]\"' | tclsh | grep ,",
          "tclsh client.tcl", packages=("tcl", "tcl-xmlrpc")),
    Guest("Lua, LuaXMLRPC", "lua5.1",
          "lua5.1 -e 'require \"xmlrpc\" print(xmlrpc._VERSION .. \", \" .. _VERSION)'",
          "lua5.1 client.lua", packages=("lua5.1", "lua-xmlrpc")),
    Guest("curl", "curl", "curl --version | head -1 | cut -d' ' -f2", "sh curl.sh",
          packages=("curl",), checks=("hello", "slash", "chunked", "expect", "http/1.0", "pages",
                                      "query", "head", "kept")),
    Guest("wget", "wget", "wget --version | head -1 | cut -d' ' -f3", "sh wget.sh",
          packages=("wget",), checks=("hello", "pages", "head", "kept")),
    Guest("ab, of Apache", "ab", "ab -V | sed -n 's/.*Version \\([0-9.]*\\).*/\\1/p'", "sh ab.sh",
          packages=("apache2-utils",), checks=("hello", "pages", "head")),
)
