import Foundation
import Imaging
import Storage
import SyntheticEndoscopy
import Torch

/// Rendered 1920×1080 frames as from an endoscope: a square image between black margins.
enum Frames {
  static let width = 1920
  static let height = 1080

  /// Writes JPEG frames, all different.
  ///
  /// - Parameters:
  ///   - count: the number of frames.
  ///   - folder: the destination; existing frames stay.
  ///   - seed: the seed of their content.
  /// - Returns: the files in order.
  /// - Throws: `FileError` or `ImagingError`.
  static func write(_ count: Int, to folder: URL, seed: UInt64) throws -> [URL] {
    let files = (0..<count).map { index in
      let number = String(index)
      return folder.appendingPathComponent(
        "frame-" + String(repeating: "0", count: max(0, 4 - number.count)) + number + ".jpg")
    }
    guard files.contains(where: { !FileManager.default.fileExists(atPath: $0.path) }) else { return files }
    try withoutTeams { try render(files, seed: seed) }
    return files
  }

  private static func render(_ files: [URL], seed: UInt64) throws {
    let count = files.count
    let scenes = min(count, 8)
    let world = World(seed: seed)
    let pictures = try Renderer(size: 540, compresses: false).render(
      (0..<scenes).map { world.draw(site: $0 % world.siteNames.count, index: $0, role: .source) })
    let squares = try concurrentMap(count: scenes) { index in
      try Image(PillowResampling()(pictures[index].image.tensor, height: height, width: height)).pixels
    }
    _ = try concurrentMap(count: count) { index in
      // Each round uses another place and brightness, so that no two frames are equal.
      let turn = index / scenes
      let left = (width - height) / 2 + (turn % 9 - 4) * 40
      let square = squares[index % scenes]
      var pixels = [UInt8](repeating: 6, count: width * height * 3)
      for y in 0..<height {
        for x in 0..<(height * 3) {
          let value = Int(square[y * height * 3 + x]) * (100 - turn % 10 * 3) / 100
          pixels[(y * width + left) * 3 + x] = UInt8(value)
        }
      }
      let image = try Image(width: width, height: height, channels: 3, pixels: pixels)
      try ImageFile.writeJPEG(image, quality: 90, to: files[index])
    }
  }
}

/// Runs a body whose worker threads must not have their own OpenMP teams.
///
/// A thread that has run an operator on several threads keeps these threads. If there are more of
/// them than cores, the threads of OpenMP sleep at barriers earlier than in a process with only one
/// team, such as a peer's.
func withoutTeams<Result>(_ body: () throws -> Result) throws -> Result { try Machine.withThreads(1, body) }
