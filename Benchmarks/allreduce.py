#!/usr/bin/env python3
"""Measures all-reduce of PyTorch's process groups between processes on one machine.

    python Benchmarks/allreduce.py [--ranks 2,4] [--megabytes 0.004,0.25,1,4,25] [--rounds 7] [--json FILE]

Needs PyTorch. Each number of ranks is a group of its own, by Gloo over the loopback, one thread a rank. A size is
summed once to warm up and then `--rounds` times, with a barrier before each. Of a round the slowest rank counts. The
last line of a number of ranks is the straight line through the fastest rounds, which another program disturbed the
least: latency and bandwidth, which scripts/model-scaling takes as --latency and --bandwidth. A ring sends 2(n-1)/n of
the bytes over each link.
"""
import argparse
import json
import os
import statistics
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing


def work(rank, ranks, sizes, rounds, place, found):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=ranks)
    for size in sizes:
        tensor = torch.ones(max(1, size // 4))
        dist.all_reduce(tensor)
        samples = []
        for _ in range(rounds):
            tensor.fill_(1)
            dist.barrier()
            start = time.perf_counter()
            dist.all_reduce(tensor)
            slowest = torch.tensor(time.perf_counter() - start, dtype=torch.float64)
            assert tensor[0] == ranks and tensor[-1] == ranks
            dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
            samples.append(slowest.item())
        if rank == 0:
            found.put((size, samples))
    dist.barrier()
    dist.destroy_process_group()


def line(points):
    """Returns the intercept and the slope of the line with the smallest relative errors."""
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    x = sum(w * p[0] for w, p in zip(weights, points)) / total
    y = sum(w * p[1] for w, p in zip(weights, points)) / total
    slope = sum(w * (p[0] - x) * (p[1] - y) for w, p in zip(weights, points)) / sum(
        w * (p[0] - x) ** 2 for w, p in zip(weights, points))
    return max(0.0, y - slope * x), slope


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="2,4")
    parser.add_argument("--megabytes", default="0.004,0.25,1,4,25", help="sizes of 2^20 bytes")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    sizes = sorted({int(float(size) * (1 << 20)) for size in options.megabytes.split(",")})
    if len(sizes) < 2:
        parser.error("--megabytes needs two sizes or more: a line goes through them")
    if min(map(int, options.ranks.split(","))) < 2 or options.rounds < 1:
        parser.error("--ranks needs numbers from 2, --rounds one from 1")
    record = {"torch": torch.__version__, "processors": os.cpu_count(), "backend": "gloo", "groups": []}
    for ranks in map(int, options.ranks.split(",")):
        context = multiprocessing.get_context("spawn")
        found = context.SimpleQueue()
        with tempfile.TemporaryDirectory() as folder:
            group = multiprocessing.spawn(
                work, (ranks, sizes, options.rounds, os.path.join(folder, "store"), found), nprocs=ranks, join=False)
            # A process that fails raises here. The few results fit into the pipe until then.
            while not group.join():
                pass
            results = [found.get() for _ in sizes]
        share = 2 * (ranks - 1) / ranks
        print(f"{ranks} ranks")
        for size, samples in results:
            median = statistics.median(samples)
            print(f"  {size / (1 << 20):8.3f} MiB  {1e3 * median:9.3f} ms ({1e3 * min(samples):.3f} to "
                  f"{1e3 * max(samples):.3f})  {share * size / min(samples) / 1e9:6.3f} GB/s a link", flush=True)
        latency, slope = line([(size, min(samples)) for size, samples in results])
        bandwidth = share / slope
        print(f"  latency {1e6 * latency / (2 * (ranks - 1)):.0f} µs a message, bandwidth {bandwidth / 1e9:.3f} GB/s "
              "a link", flush=True)
        record["groups"].append({
            "ranks": ranks, "latency": latency / (2 * (ranks - 1)), "bandwidth": bandwidth,
            "sizes": [{"bytes": size, "seconds": samples} for size, samples in results]})
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
