import Foundation
import Imaging
import Testing

/// Tests that run the built program, as many at once as there are cores.
@Suite("The mcdrl program", .timeLimit(.minutes(10)))
struct ProgramTests {}

/// What a call of the program came to.
struct Outcome {
  let code: Int32
  let out: String
  let err: String

  func json() throws -> Any { try JSONSerialization.jsonObject(with: Data(out.utf8)) }
}

/// The built program.
enum Program {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Starts it with output going to files, so that a full pipe cannot stop it.
  static func start(
    _ words: [String], in folder: URL, from place: URL = root, adding variables: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    if !variables.isEmpty {
      process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    }
    process.executableURL = root.appendingPathComponent(".build/debug/mcdrl")
    process.arguments = words
    process.currentDirectoryURL = place
    for (name, keyPath) in [
      ("out", \Process.standardOutput), ("err", \Process.standardError),
    ] as [(String, ReferenceWritableKeyPath<Process, Any?>)] {
      let file = folder.appendingPathComponent("std\(name)")
      try Data().write(to: file)
      process[keyPath: keyPath] = try FileHandle(forWritingTo: file)
    }
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return process
  }

  static func run(_ words: [String], from place: URL = root) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("call-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let process = try start(words, in: folder, from: place)
    process.waitUntilExit()
    func text(_ name: String) throws -> String {
      try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
    // A crash must not pass for an exit code.
    #expect(process.terminationReason == .exit, "\(words)")
    return Outcome(code: process.terminationStatus, out: try text("stdout"), err: try text("stderr"))
  }

  static func run(_ words: String...) throws -> Outcome { try run(words) }
}

/// Three sites of eight small pictures, and runs trained on them, in a folder that goes away with the value.
final class Workshop {
  let url: URL
  var data: URL { url.appendingPathComponent("data") }

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)")
    for (number, site) in ["a", "b", "c"].enumerated() {
      for index in 0..<8 {
        // Sizes differ within a site, so that results must follow their input.
        try disc(site, "\(index)", width: 40 + index, height: 32, tint: number * 20 + index)
      }
    }
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ path: String) -> URL { url.appendingPathComponent(path) }

  /// A bright disc on reddish ground and its mask.
  private func disc(_ site: String, _ stem: String, width: Int, height: Int, tint: Int) throws {
    let inside = (0..<width * height).map { pixel in
      let (x, y) = (pixel % width - 18, pixel / width - 14 - tint % 5)
      return x * x + y * y < 60
    }
    let pixels = inside.flatMap { bright -> [UInt8] in
      bright ? [230, 200, UInt8(150 + tint)] : [UInt8(120 + tint), 60, 50]
    }
    try write(
      Image(width: width, height: height, channels: 3, pixels: pixels), "data/\(site)/images/\(stem).png")
    try grey("data/\(site)/masks/\(stem).png", width: width, inside.map { $0 ? 255 : 0 })
  }

  /// A large JPEG of a bright disc on a ground with stripes, and its mask.
  func jpeg(_ site: String, _ stem: String, width: Int, height: Int) throws {
    let inside = (0..<width * height).map { pixel in
      let (x, y) = (pixel % width - width / 2, pixel / width - height / 3)
      return x * x + y * y < height * height / 16
    }
    let pixels = inside.enumerated().flatMap { pixel, bright -> [UInt8] in
      bright ? [230, 200, 160] : [UInt8(120 + pixel % 13 * 5), 60, UInt8(50 + pixel % 7)]
    }
    try grey("data/\(site)/masks/\(stem).png", width: width, inside.map { $0 ? 255 : 0 })
    let image = file("data/\(site)/images/\(stem).jpg")
    try FileManager.default.createDirectory(
      at: image.deletingLastPathComponent(), withIntermediateDirectories: true)
    try ImageFile.writeJPEG(
      Image(width: width, height: height, channels: 3, pixels: pixels), quality: 90, to: image)
  }

  func grey(_ path: String, width: Int, _ pixels: [UInt8]) throws {
    try write(Image(width: width, height: pixels.count / width, channels: 1, pixels: pixels), path)
  }

  private func write(_ image: Image, _ path: String) throws {
    try FileManager.default.createDirectory(
      at: file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
    try ImageFile.writePNG(image, to: file(path))
  }

  /// The words that train a tiny model on a and b.
  func training(
    _ out: String, epochs: Int = 2, clip: String? = nil, holdOut: String = "c", more: [String] = []
  ) -> [String] {
    let geometry = "random:\(Program.root.path)/Configurations/vit-tiny-p8-64.json"
    return [
      "train", "--data", data.path, "--clip", clip ?? geometry, "--hold-out", holdOut, "--out",
      file(out).path, "--epochs", "\(epochs)", "--threads", "1", "--allow-leakage", "--set", "imageSize=32",
      "batchSize=4",
      "model.head.detailWidths=[8,16]", "model.head.gridWidth=16", "lesionClass=polyp",
    ] + more
  }

  /// Waits until a file is there; false when the process ends or half a minute passes first.
  func wait(for path: String, of process: Process) -> Bool {
    for _ in 0..<6000 {
      if FileManager.default.fileExists(atPath: file(path).path) { return true }
      guard process.isRunning else { return false }
      usleep(5000)
    }
    return false
  }
}
