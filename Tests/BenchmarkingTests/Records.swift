import Foundation

@testable import Benchmarking

/// A small record with everything that a table shows.
func exampleRecord() -> BenchmarkRecord {
  var machine = MachineFacts(threads: 2)
  machine.processor = "A processor"
  machine.features = ["avx2", "amx_bf16"]
  machine.load = 0.25
  machine.cores = 4
  machine.memory = 8 << 30
  var record = BenchmarkRecord(
    date: "2026-01-02T03:04:05Z", quick: false, seed: 7, machine: machine,
    versions: ["mcdrl": "0.1.0", "torch": "2.13.0"])
  var one = CaseRecord(.encode, "ViT-B/16, batch 8")
  one.items = 8
  one.operations = 8e9
  var ours = ContestantRecord("mcdrl", .ours, precision: "float32")
  (ours.samples, ours.difference, ours.scale) = ([0.1, 0.2, 0.1], 0, 3)
  var quick = ContestantRecord("mcdrl", .ours, precision: "bfloat16")
  quick.samples = [0.05, 0.1, 0.05]
  var peer = ContestantRecord("transformers", .peer, precision: "float32")
  (peer.samples, peer.difference) = ([0.2, 0.4, 0.2], 1.5e-6)
  var other = ContestantRecord("Pillow | friends", .peer)
  other.samples = [0.3, 0.6, 0.3]
  var lost = ContestantRecord("openvino", .peer, precision: "float32")
  lost.failure = "ImportError: no module"
  var product = ContestantRecord("matrix product", .yardstick, precision: "float32")
  (product.samples, product.operations) = ([0.05, 0.05, 0.05], 8e9)
  one.contestants = [ours, quick, peer, other, lost, product]
  record.cases = [one]
  record.peaks = ["float32": 160e9]
  record.missing = ["openvino float32": "ImportError: no module"]
  return record
}
