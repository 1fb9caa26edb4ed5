"""Ponte beside its industrial peers: one part of it for each part of theirs that it can stand for.

    dns.py          a DNS server that answers from the registries: `python3 -m interop.dns`
    dns_zone.py     which names there are, and what each of them is. Pure
    dns_message.py  the bytes of questions and answers (RFC 1035). Pure
    dns_tcp.py      messages of DNS on a TCP connection
    ddns.py         keeps a zone of bind in step with who lives: `python3 -m interop.ddns`
    dns_client.py   asks one DNS server, signed, over UDP or TCP
    dns_update.py   the bytes of dynamic updates, and of replies (RFC 2136). Pure
    tsig.py         the signatures of both (RFC 8945). Pure
    haproxy.py      keeps HAProxy in step with the servers that live: `python3 -m interop.haproxy`
    nginx.py        keeps nginx in step: a file that it includes, a test, a reload
    upstreams.py    which servers a foreign relay may be told of, and how they are kept in step
    sidecar.py      beats for what cannot beat itself: `python3 -m interop.sidecar`
    grpc/           a second door that speaks gRPC, and what it is made of, from HTTP/2 upwards
    consul.py       our registries for Consul's clients: `python3 -m interop.consul`
    consul_catalog.py   what they can ask, the JSON, and the indexes. Pure
    consul_registry.py  Consul in place of the registry: `--registry consul://HOST:PORT`
    consul_entries.py   how a server is written in Consul's JSON. Pure

Nothing else imports this room, but for one lazy import where a user names consul://
(ponte/discovery/at_consul.py). So any file here can be deleted. Each reads what the registries say
as any reader does (ponte/discovery/directory.py): no actor knows that it is there.
"""
