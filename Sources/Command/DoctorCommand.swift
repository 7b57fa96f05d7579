import Benchmarking
import Foundation
import Imaging
import Reviewing
import Storage
import Torch

/// The command `mcdrl doctor`.
enum DoctorCommand: Subcommand {
  static let name = "doctor"
  static let summary = "check this machine: what was found, what is wanted, how to fix it"
  static let example = "mcdrl doctor"
  static let options = Options()
  static let common = CommonOptions(choosesDevice: true)

  /// The options of `mcdrl doctor`.
  struct Options: OptionGroup {
    let licences = Option.flag(
      "licences", "list the software that this program consists of, with versions and licences (SPDX)")
    let parity = Option.flag(
      "parity", "compare --device with the CPU: encode, forward, loss, gradient and step of a small model")
  }

  private struct Check: Encodable {
    let what: String
    let found: String
    let wanted: String
    let fix: String
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    if try arguments.licences { return try list(SoftwareComponent.all(), console) }
    if try arguments.parity { return try compare(arguments.common, console) }
    if try arguments.common.given(\.device) != nil {
      throw UsageError.rejected(
        option: "device", text: nil,
        reason: "the checks look at every device; add --parity to compare one with the CPU")
    }
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
      convolutions,
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
      cuda,
      Check(what: "MPS", found: Machine.hasMPS ? "yes" : "no", wanted: "optional", fix: ""),
      Check(what: "image codecs", found: "JPEG, PNG, TIFF, BMP", wanted: "all four", fix: ""),
      dicom, videoCheck, serverCheck,
    ]
    if console.json { return try console.result(json: checks) }
    console.result(
      Console.table(
        ["what", "found", "wanted", "fix"], checks.map { [$0.what, $0.found, $0.wanted, $0.fix] }))
  }

  /// The oneDNN of compiled convolutions, which is there for Linux on x86-64.
  private static var convolutions: Check {
    let found = Machine.oneDNNVersion.map { "oneDNN \($0)" } ?? "libtorch"
    #if os(Linux) && arch(x86_64)
      return Check(
        what: "convolutions", found: found, wanted: "oneDNN 3",
        fix: Machine.oneDNNVersion == nil
          ? "run scripts/bootstrap without LIBTORCH, or put libdnnl.so.3 into its lib" : "")
    #else
      return Check(what: "convolutions", found: found, wanted: "optional", fix: "")
    #endif
  }

  /// Nvidia's graphics processors.
  private static var cuda: Check {
    let count = Device.cuda().count
    let problem = Machine.cudaProblem
    return Check(
      what: "CUDA", found: count == 0 ? "no" : counted(count, "device"), wanted: "optional",
      fix: problem.map { "libtorch's part for CUDA does not load: \($0)" } ?? "")
  }

  /// Compares a device with the CPU.
  private static func compare(_ common: Arguments<CommonOptions>, _ console: Console) throws {
    let device = try common.device
    let checks = try DeviceParity.checks(
      on: device, prompts: ProjectFiles.promptSet(nil).prompts, seed: common.seed, note: console.note)
    if console.json {
      try console.result(json: checks)
    } else {
      console.result(
        Console.table(
          ["computed", "in", "differs by", "of", "may differ by", "time", ""],
          checks.map {
            [
              $0.name, $0.precision, String(format: "%.1e", $0.difference), String(format: "%.2g", $0.scale),
              String(format: "%.1e", $0.tolerance * $0.scale), String(format: "%.1f ms", $0.seconds * 1e3),
              $0.passed ? "ok" : "FAILS",
            ]
          }))
    }
    let failed = checks.filter { !$0.passed }.map { "\($0.name) in \($0.precision)" }
    guard failed.isEmpty else { throw WorkError.deviceDiffers(device.description, failed) }
  }

  /// The libraries of DICOM.
  private static var dicom: Check {
    guard let dcmtk = CodecVersions.dcmtk, let openjpeg = CodecVersions.openjpeg else {
      return Check(
        what: "DICOM", found: "no", wanted: "optional: DCMTK, OpenJPEG",
        fix: "install libdcmtk-dev libopenjp2-7-dev (brew: dcmtk openjpeg), run scripts/bootstrap, "
          + "build again")
    }
    return Check(
      what: "DICOM", found: "DCMTK \(dcmtk), OpenJPEG \(openjpeg)", wanted: "optional: DCMTK, OpenJPEG",
      fix: CodecVersions.convertsCharacterSets
        ? "" : "expect groups to depend on character sets: this DCMTK has no conversion")
  }

  /// Video is an optional part.
  private static var videoCheck: Check {
    guard let version = VideoLibrary.version, let encoder = VideoLibrary.encoder else {
      return Check(
        what: "video", found: "none", wanted: "FFmpeg 4.4 or later (optional)",
        fix: "for video \(VideoLibrary.installation)")
    }
    return Check(
      what: "video", found: "FFmpeg \(version), overlays by \(encoder)",
      wanted: "FFmpeg 4.4 or later (optional)", fix: "")
  }

  /// The server of reviews is an optional part.
  private static var serverCheck: Check {
    let version = HTTPLibrary.version
    return Check(
      what: "review server", found: version.map { "libmicrohttpd \($0)" } ?? "none",
      wanted: "libmicrohttpd 0.9.71 or later (optional)",
      fix: version == nil ? "for mcdrl review --serve \(HTTPLibrary.installation)" : "")
  }

  private static func list(_ components: [SoftwareComponent], _ console: Console) throws {
    if console.json { return try console.result(json: components) }
    console.result(
      Console.table(
        ["name", "version", "licence", "from"],
        components.map { [$0.name, $0.version ?? "not stated", $0.licence, $0.source] }))
    console.result(
      "libtorch's own notice lists what else is in its wheel. libtiff may load libraries of the system for "
        + "compressions.")
    if let licence = VideoLibrary.licence {
      console.result(
        "FFmpeg is an optional part of the system. Its licence here is \(licence): it follows from how FFmpeg was "
          + "built. Debian's build is GPL. Build with MCDRL_WITHOUT=video to leave it out.")
    }
  }
}

extension String {
  /// The text, or "none" if it is empty.
  fileprivate var orNone: String { isEmpty ? "none" : self }
}
