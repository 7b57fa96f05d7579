import Confounders
import Datasets
import Foundation
import Storage
import SyntheticEndoscopy
import Torch

/// Images, each with every caption that is true of it.
///
/// An image in memory takes 3·S² bytes, and S² more with its mask: 64 KiB at 128 px. Images of sites
/// beyond the image memory are decoded at each use.
package struct CaptionedImages: Sendable {
  /// The images of sites, which come first; nil without sites.
  let bank: SampleBank?
  /// The other images, uint8 n×3×S×S.
  package let pixels: Tensor
  /// At least one for each image.
  package let captions: [[String]]
  /// What do(z) needs to know of the images; nil if only their captions are known.
  package let scenes: Scenes?

  /// Makes a value from its parts.
  init(bank: SampleBank? = nil, pixels: Tensor, captions: [[String]], scenes: Scenes?) {
    self.bank = bank
    self.pixels = pixels
    self.captions = captions
    self.scenes = scenes
  }

  /// Returns every sentence that a training can show.
  ///
  /// - Parameter configuration: the settings; with interventions or masks they add sentences.
  /// - Returns: the sentences.
  package func sentences(for configuration: PretrainingConfiguration) -> Set<String> {
    let isSeen = configuration.interventionShare > 0 || configuration.maskWeight > 0
    return Set(captions.joined()).union(isSeen ? scenes?.sentences ?? [] : [])
  }

  /// Returns images by number.
  ///
  /// - Parameter rows: the numbers of n images.
  /// - Returns: float32 n×3×S×S from 0 to 1, and masks of 0 and 1, n×1×S×S; nil without scenes.
  /// - Throws: an error that names a file that cannot be read.
  package func batch(_ rows: [Int]) throws -> (pixels: Tensor, masks: Tensor?) {
    let first = bank?.samples.count ?? 0
    let (known, others) = (rows.filter { $0 < first }, rows.filter { $0 >= first })
    func stored() throws -> (pixels: Tensor, masks: Tensor?) {
      let places = try Tensor(others.map { $0 - first })
      return (
        try pixels.indexed(places).to(.float32) / 255, try scenes?.masks.indexed(places).to(.float32)
      )
    }
    guard let bank, !known.isEmpty else { return try stored() }
    let decoded = try bank.batch(known)
    guard !others.isEmpty, case (let pixels, let masks?) = try stored() else {
      return (decoded.images, decoded.masks)
    }
    // Back in the order of the rows.
    var (next, later) = (0, known.count)
    let order = try Tensor(
      rows.map { row in
        defer { if row < first { next += 1 } else { later += 1 } }
        return row < first ? next : later
      })
    return (
      try Tensor.concatenated([decoded.images, pixels], dim: 0).indexed(order),
      try Tensor.concatenated([decoded.masks, masks], dim: 0).indexed(order)
    )
  }

  /// Joins two sets of images of one size.
  ///
  /// - Parameter other: the images to add, of no site, with scenes if and only if this value has them.
  /// - Returns: all images.
  /// - Throws: `TorchError` if the sizes differ.
  package func joined(with other: CaptionedImages) throws -> CaptionedImages {
    CaptionedImages(
      bank: bank, pixels: try .concatenated([pixels, other.pixels], dim: 0),
      captions: captions + other.captions,
      scenes: try scenes.flatMap { scenes in try other.scenes.map(scenes.joined) })
  }

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
    var (lesions, confounders) = ([String?](), [Set<String>]())
    let masks = try Tensor.zeros([count, 1, size, size], dtype: .bool)
    let pixels = try Tensor.zeros([count, 3, size, size], dtype: .uint8)
    for start in stride(from: 0, to: count, by: 256) {
      let draws = (start..<min(count, start + 256)).map { world.captioned(first + $0) }
      lesions += draws.map { $0.lesion?.rawValue }
      confounders += draws.map { Set($0.visibleConfounders.map(\.rawValue)) }
      let renderings = try renderer.render(draws)
      let bytes = renderings.map(\.image.pixels)
      try pixels.narrowed(dim: 0, start: start, length: draws.count).assign(
        Tensor(Array(bytes.joined()), shape: [draws.count, size, size, 3]).permuted([0, 3, 1, 2]))
      try masks.narrowed(dim: 0, start: start, length: draws.count).assign(
        Tensor(Array(renderings.map(\.mask.pixels).joined()), shape: [draws.count, 1, size, size])
          .greater(than: 127))
      progress(start + draws.count)
    }
    let scenes = Scenes(masks: masks, lesions: lesions, confounders: confounders, prompts: prompts)
    self.init(
      pixels: pixels, captions: lesions.indices.map { scenes.captions($0, doing: nil) }, scenes: scenes)
  }

  /// Reads a folder that holds `captions.jsonl`.
  ///
  /// Its lines have the form `{"image": "images/1.jpg", "captions": ["…", …]}`. Images are decoded on
  /// all cores, some at a time.
  ///
  /// - Parameters:
  ///   - folder: the folder; image names are relative to it.
  ///   - reader: reads and scales the images.
  ///   - part: which lines to use, by their number; all unless several processes share them.
  ///   - progress: receives the number of finished images.
  /// - Throws: `FileError`, `DatasetError` or `ImagingError` that names the file, and the line of
  ///   `captions.jsonl` if there is one.
  package init(
    folder: URL, reader: SampleReader, part: (_ count: Int) -> Range<Int> = { 0..<$0 },
    progress: (Int) -> Void = { _ in }
  ) throws {
    let all: [Entry] = try JSONLines.read(
      folder.appendingPathComponent("captions.jsonl"),
      expected: "{\"image\": \"…\", \"captions\": [\"…\"]} with a caption at least",
      where: { !$0.captions.isEmpty })
    let entries = Array(all[part(all.count).clamped(to: all.indices)])
    let pixels = try Tensor.zeros([entries.count, 3, reader.size, reader.size], dtype: .uint8)
    for start in stride(from: 0, to: entries.count, by: 64) {
      let files = entries[start..<min(entries.count, start + 64)].map {
        folder.appendingPathComponent($0.image)
      }
      let images = try concurrentMap(count: files.count) { try reader.scaled(reader.image(files[$0])) }
      try pixels.narrowed(dim: 0, start: start, length: files.count).assign(.stacked(images))
      progress(start + files.count)
    }
    self.init(pixels: pixels, captions: entries.map(\.captions), scenes: nil)
  }

  private struct Entry: Decodable {
    let image: String
    let captions: [String]
  }
}
