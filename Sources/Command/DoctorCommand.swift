import Foundation
import Torch

/// The command `mcdrl doctor`.
enum DoctorCommand: Subcommand {
  static let name = "doctor"
  static let summary = "check this machine: what was found, what is wanted, how to fix it"
  static let example = "mcdrl doctor"
  static let options = NoOptions()

  private struct Check: Encodable {
    let what: String
    let found: String
    let wanted: String
    let fix: String
  }

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let build = try Machine.buildDescription()
    let blas = build.split(separator: "\n").first { $0.contains("BLAS_INFO") || $0.contains("oneDNN") }
    let version = Machine.libtorchVersion
    let memory = Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824
    let checks = [
      Check(what: "mcdrl", found: MCDRLCommand.version, wanted: "", fix: ""),
      Check(
        what: "libtorch", found: version, wanted: "2.13",
        fix: version.hasPrefix("2.13") ? "" : "run scripts/bootstrap, or set LIBTORCH to a libtorch 2.13"),
      Check(
        what: "products", found: blas == nil ? "no oneDNN" : "oneDNN", wanted: "oneDNN",
        fix: blas == nil ? "use the pinned libtorch" : ""),
      Check(
        what: "vector instructions", found: Machine.cpuCapability, wanted: "AVX2 or better",
        fix: Machine.cpuCapability == "DEFAULT" ? "expect slow products on this processor" : ""),
      Check(
        what: "bfloat16, int8",
        found: Machine.processorFeatures.filter {
          $0.contains("bf16") || $0.contains("int8") || $0.contains("vnni")
        }
        .sorted().joined(separator: ", ").orNone, wanted: "optional", fix: ""),
      Check(what: "threads", found: "\(Machine.threads)", wanted: "one a core", fix: ""),
      Check(
        what: "memory", found: String(format: "%.1f GiB", memory), wanted: "4 GiB",
        fix: memory < 3.5 ? "use smaller images or batches" : ""),
      Check(what: "CUDA", found: Machine.hasCUDA ? "yes" : "no", wanted: "optional", fix: ""),
      Check(what: "MPS", found: Machine.hasMPS ? "yes" : "no", wanted: "optional", fix: ""),
      Check(what: "image codecs", found: "JPEG, PNG, TIFF, BMP", wanted: "all four", fix: ""),
    ]
    if console.json { return try console.result(json: checks) }
    console.result(
      Console.table(
        ["what", "found", "wanted", "fix"], checks.map { [$0.what, $0.found, $0.wanted, $0.fix] }))
  }
}

extension String {
  /// The text, or "none" if it is empty.
  fileprivate var orNone: String { isEmpty ? "none" : self }
}
