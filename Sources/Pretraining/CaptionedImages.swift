import Datasets
import Foundation
import MCDRL
import SyntheticEndoscopy
import Torch

/// Pictures in memory, each with every caption that is true of it.
///
/// Takes 3·S² bytes a picture: 48 KiB at 128 px.
public struct CaptionedImages: Sendable {
  /// uint8, n×3×S×S.
  public let pixels: Tensor
  /// At least one for each picture.
  public let captions: [[String]]

  /// How many pictures there are.
  public var count: Int { captions.count }

  /// Renders pictures of the embedded world: any camera, no link between confounder and lesion.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - first: the number of the first; other numbers are other pictures.
  ///   - size: S.
  ///   - seed: of the world.
  ///   - prompts: the words of the captions.
  ///   - progress: told how many are done.
  /// - Throws: `TorchError` when memory does not suffice.
  public init(
    rendering count: Int, from first: Int = 0, size: Int, seed: UInt64, prompts: PromptSet,
    progress: (Int) -> Void = { _ in }
  ) throws {
    let world = World(seed: seed)
    let renderer = Renderer(size: size)
    var captions: [[String]] = []
    let pixels = try Tensor.zeros([count, 3, size, size], dtype: .uint8)
    for start in stride(from: 0, to: count, by: 256) {
      let draws = (start..<min(count, start + 256)).map { world.captioned(first + $0) }
      captions += draws.map { draw in
        prompts.captions(
          lesion: draw.lesion?.rawValue, confounders: Set(draw.visibleConfounders.map(\.rawValue)))
      }
      let images = try renderer.render(draws).map(\.image.pixels)
      try pixels.narrowed(dim: 0, start: start, length: draws.count).assign(
        Tensor(Array(images.joined()), shape: [draws.count, size, size, 3]).permuted([0, 3, 1, 2]))
      progress(start + draws.count)
    }
    self.pixels = pixels
    self.captions = captions
  }

  /// Reads a folder that holds `captions.jsonl`: lines `{"image": "images/1.jpg", "captions": ["…", …]}`.
  ///
  /// - Parameters:
  ///   - folder: the folder; images are named relative to it.
  ///   - reader: how they are read and scaled.
  ///   - progress: told how many are done.
  /// - Throws: `CaptionError` or `ImagingError` that names the file, and the line where it is one.
  public init(folder: URL, reader: SampleReader, progress: (Int) -> Void = { _ in }) throws {
    let list = folder.appendingPathComponent("captions.jsonl")
    let entries = try Self.entries(list)
    let pixels = try Tensor.zeros([entries.count, 3, reader.size, reader.size], dtype: .uint8)
    for (index, entry) in entries.enumerated() {
      let image = try reader.image(folder.appendingPathComponent(entry.image))
      try pixels.selected(dim: 0, index: index).assign(reader.scaled(image))
      progress(index + 1)
    }
    self.pixels = pixels
    captions = entries.map(\.captions)
  }

  private struct Entry: Decodable {
    let image: String
    let captions: [String]
  }

  private static func entries(_ list: URL) throws -> [Entry] {
    let text: String
    do {
      text = try String(contentsOf: list, encoding: .utf8)
    } catch {
      throw CaptionError(file: list, reason: "cannot be read as UTF-8 text: \(FileError.reason(of: error))")
    }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
    let entries = try lines.filter { !$0.element.allSatisfy(\.isWhitespace) }.map { number, line -> Entry in
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line.utf8)), !entry.captions.isEmpty
      else {
        throw CaptionError(
          file: list,
          reason:
            "line \(number + 1) must be {\"image\": \"…\", \"captions\": [\"…\"]} with a caption at least")
      }
      return entry
    }
    guard !entries.isEmpty else {
      throw CaptionError(file: list, reason: "names no image; add a line for each")
    }
    return entries
  }
}

/// A list of captions that cannot be used.
public struct CaptionError: Error, Equatable, CustomStringConvertible {
  /// The list.
  public let file: URL
  /// What is wrong and what to do.
  public let reason: String

  /// One line that names the file.
  public var description: String { "\(file.path): \(reason)" }
}
