import Confounders
import Datasets
import Foundation
import Storage
import SyntheticEndoscopy
import Torch

/// Images in memory, each with every caption that is true of it.
///
/// An image takes 3·S² bytes: 48 KiB at 128 px.
package struct CaptionedImages: Sendable {
  /// uint8, n×3×S×S.
  package let pixels: Tensor
  /// At least one for each image.
  package let captions: [[String]]

  /// The number of images.
  package var count: Int { captions.count }

  /// Renders images of the embedded world: any camera, no link between confounder and lesion.
  ///
  /// - Parameters:
  ///   - count: the number of images.
  ///   - first: the number of the first image; other numbers give other images.
  ///   - size: S.
  ///   - seed: the seed of the world.
  ///   - prompts: the words of the captions.
  ///   - progress: receives the number of finished images.
  /// - Throws: `PromptError` if the prompts lack a class or confounder of the world, `TorchError`
  ///   if memory does not suffice.
  package init(
    rendering count: Int, from first: Int = 0, size: Int, seed: UInt64, prompts: PromptSet,
    progress: (Int) -> Void = { _ in }
  ) throws {
    try prompts.requireNames(of: World.self)
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

  /// Reads a folder that holds `captions.jsonl`.
  ///
  /// Its lines have the form `{"image": "images/1.jpg", "captions": ["…", …]}`.
  ///
  /// - Parameters:
  ///   - folder: the folder; image names are relative to it.
  ///   - reader: reads and scales the images.
  ///   - progress: receives the number of finished images.
  /// - Throws: `FileError`, `DatasetError` or `ImagingError` that names the file, and the line of
  ///   `captions.jsonl` if there is one.
  package init(folder: URL, reader: SampleReader, progress: (Int) -> Void = { _ in }) throws {
    let entries: [Entry] = try JSONLines.read(
      folder.appendingPathComponent("captions.jsonl"),
      expected: "{\"image\": \"…\", \"captions\": [\"…\"]} with a caption at least",
      where: { !$0.captions.isEmpty })
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
}
