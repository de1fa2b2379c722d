"""Serves a model with llama.cpp's own server until standard input closes."""

import sys

import xllamacpp

SLOTS, CONTEXT_PER_SLOT, HTTP_THREADS = 8, 2048, 64


def main(model, port):
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT_PER_SLOT
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = True
    params.n_threads_http = HTTP_THREADS
    params.cache_ram_mib = 0
    server = xllamacpp.Server(params)
    print(f"ready {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
