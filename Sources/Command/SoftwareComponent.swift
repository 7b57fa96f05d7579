import Imaging
import Reviewing
import Storage
import Torch

/// A piece of software that `mcdrl` consists of or links to, with its licence.
struct SoftwareComponent: Encodable {
  /// The name.
  let name: String
  /// The version; nil if the library does not state it.
  let version: String?
  /// The licence as an SPDX expression; `LicenseRef-` names one that SPDX does not list.
  let licence: String
  /// The source: this project, the toolchain, the wheel of libtorch, or the system.
  let source: String

  /// Everything that `scripts/bootstrap` installs and that the program runs with.
  ///
  /// - Throws: `TorchError` if libtorch does not describe its build.
  static func all() throws -> [SoftwareComponent] {
    let build = try Machine.buildDescription()
    /// Returns the word after a text in the description of libtorch's build.
    func version(after text: String) -> String? {
      guard let range = build.range(of: text) else { return nil }
      return build[range.upperBound...].split { " \n(,".contains($0) }.first.map(String.init)
    }
    let wheel = "wheel of libtorch"
    let parts: [(name: String, version: String?, licence: String)] = [
      ("libtorch", Machine.libtorchVersion, "BSD-3-Clause"),
      ("oneDNN", version(after: "MKL-DNN v") ?? version(after: "oneDNN v"), "Apache-2.0"),
      (
        "oneMKL", version(after: "Math Kernel Library Version "),
        "LicenseRef-Intel-Simplified-Software-License"
      ),
      ("libgomp", nil, "GPL-3.0-or-later WITH GCC-exception-3.1"),
      ("FBGEMM", nil, "BSD-3-Clause"), ("XNNPACK", nil, "BSD-3-Clause"), ("SLEEF", nil, "BSL-1.0"),
      ("protobuf", nil, "BSD-3-Clause"), ("Gloo", nil, "BSD-3-Clause"), ("fmt", nil, "MIT"),
      ("cpuinfo", nil, "BSD-2-Clause"), ("pthreadpool", nil, "BSD-2-Clause"),
    ]
    // A libtorch without a library does not name it.
    let linked = parts.filter { part in
      switch part.name {
      case "oneDNN", "oneMKL": part.version != nil
      default: true
      }
    }
    return [
      SoftwareComponent(
        name: "mcdrl", version: MCDRLCommand.version, licence: "Apache-2.0", source: "this project"),
      SoftwareComponent(
        name: "Swift runtime and Foundation", version: swiftVersion,
        licence: "Apache-2.0 WITH Swift-exception", source: "toolchain"),
    ]
      + linked.map {
        SoftwareComponent(name: $0.name, version: $0.version, licence: $0.licence, source: wheel)
      }
      + [
        SoftwareComponent(
          name: "libjpeg-turbo", version: CodecVersions.jpeg, licence: "IJG AND BSD-3-Clause AND Zlib",
          source: "system"),
        SoftwareComponent(
          name: "libpng", version: CodecVersions.png, licence: "libpng-2.0", source: "system"),
        SoftwareComponent(
          name: "libtiff", version: CodecVersions.tiff, licence: "libtiff", source: "system"),
        SoftwareComponent(
          name: "zlib", version: ZipArchive.libraryVersion, licence: "Zlib", source: "system"),
      ] + convolutions + dicom + video + server
  }

  /// The oneDNN of compiled convolutions, if it is there.
  private static var convolutions: [SoftwareComponent] {
    Machine.oneDNNVersion.map {
      [
        SoftwareComponent(
          name: "oneDNN of convolutions", version: $0, licence: "Apache-2.0", source: "wheel of oneDNN")
      ]
    } ?? []
  }

  /// The libraries of DICOM, if this program was built with them.
  private static var dicom: [SoftwareComponent] {
    guard let dcmtk = CodecVersions.dcmtk, let openjpeg = CodecVersions.openjpeg else { return [] }
    return [
      // Three clauses by OFFIS; its JPEG and JPEG-LS libraries have licences of their own.
      SoftwareComponent(
        name: "DCMTK", version: dcmtk, licence: "BSD-3-Clause AND IJG", source: "system"),
      SoftwareComponent(name: "OpenJPEG", version: openjpeg, licence: "BSD-2-Clause", source: "system"),
    ]
  }

  /// FFmpeg, if video was built in, and the encoder that it loads.
  private static var video: [SoftwareComponent] {
    guard let version = VideoLibrary.version, let licence = VideoLibrary.licence else { return [] }
    let library = SoftwareComponent(
      name: "FFmpeg", version: version, licence: licence, source: "system, optional")
    guard VideoLibrary.encoder == "libx264" else { return [library] }
    let encoder = SoftwareComponent(
      name: "x264", version: nil, licence: "GPL-2.0-or-later", source: "system, through FFmpeg")
    return [library, encoder]
  }

  /// The library of the review server, if it was built in.
  private static var server: [SoftwareComponent] {
    HTTPLibrary.version.map {
      [
        SoftwareComponent(
          name: "libmicrohttpd", version: $0, licence: "LGPL-2.1-or-later", source: "system, optional")
      ]
    } ?? []
  }

  /// The version of the compiler, to the minor version that conditional compilation knows.
  private static var swiftVersion: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #elseif compiler(>=6.2)
      "6.2"
    #else
      "6.0 or 6.1"
    #endif
  }
}
