import Datasets
import Explaining
import Foundation
import Imaging
import Storage
import Torch
import Training

/// Makes the items of a review from predictions, and writes the review.
///
/// Items are written as they come. The queue, the description and the page come last, in this order. So an
/// interrupted call leaves no page that lacks its items, and the same call again keeps the items that are
/// there (``kept(_:by:_:)``). Decisions are never touched.
package final class ReviewMaker: Sendable {
  /// The choices for a review.
  package struct Settings: Sendable {
    /// The most items; nil for all.
    package var limit: Int?
    /// The share of confident controls.
    package var controls = 0.1
    /// The most items with an explanation.
    package var explained = 200
    /// The seed of the controls.
    package var seed: UInt64 = 0

    /// Makes the defaults.
    package init() {}
  }

  /// The name of the one mask of a run without classes.
  package static let singleLayer = "lesion"

  /// What is known of an image before it becomes an item.
  package struct Look: Sendable {
    /// The masks of the layers, bool K×H×W.
    package let masks: Tensor
    /// The probabilities, float32 K×H×W; nil if they are not known.
    package let probability: Tensor?
    /// The image, uint8 3×H×W.
    package let picture: Tensor
    /// The expected Dice, uncertainty, distance and warnings; nil without a calibration.
    package let certainty: Certainty?

    /// Makes a value from its parts.
    package init(masks: Tensor, probability: Tensor?, picture: Tensor, certainty: Certainty? = nil) {
      (self.masks, self.probability, self.picture, self.certainty) = (masks, probability, picture, certainty)
    }
  }

  let folder: ReviewFolder
  let ids: [String: String]
  /// The layers of masks.
  package let layers: [String]

  /// Prepares the folder.
  ///
  /// - Parameters:
  ///   - url: the folder, which the caller has locked.
  ///   - classes: the classes with a mask each; empty for one mask of all lesions.
  ///   - names: the names of the inputs, which differ.
  /// - Throws: `FileError` that names the folder.
  package init(_ url: URL, classes: [String], names: [String]) throws {
    folder = ReviewFolder(url)
    layers = classes.isEmpty ? [Self.singleLayer] : classes
    ids = Dictionary(zip(names, ReviewID.make(for: names))) { first, _ in first }
    for name in ReviewFolder.parts {
      let part = url.appendingPathComponent(name)
      try FileManager.default.createFolder(part)
      AtomicFile.removeLeftovers(in: part, unchangedFor: 0)
    }
  }

  /// Writes the files of an item without an explanation.
  ///
  /// - Parameters:
  ///   - input: the image.
  ///   - look: its masks, with the picture.
  ///   - origin: the model and the input, by which a later call knows the item; nil if it is not to be kept.
  /// - Returns: its row, without its site, which is a place in a list that is not complete yet.
  /// - Throws: an error that names the file.
  package func write(
    _ input: ReviewInput, _ look: Look, of origin: ReviewOrigin? = nil
  ) throws -> ReviewQueue.Row {
    let id = ids[input.source.name] ?? input.source.name
    let masks = look.masks
    let (height, width) = (try masks.size(1), try masks.size(2))
    let any = try masks.anyClass().to(.float32)
    let highest = try look.probability?.max([0])
    let marked: Double = try any.sum().item()
    let small = try look.probability.map(ReviewScores.reduced)
    let drawn = try layers.enumerated().map {
      try ReviewMask(layer: $1, mask: masks.selected(dim: 0, index: $0))
    }
    let (inside, presence): (Double?, Double?) = (
      try highest.map { try ($0 * any).sum().item() }, try highest.map { try $0.max([0, 1]).item() }
    )
    let image = try writeImage(input, look.picture, id)
    let thumbnail = try writeThumbnail(look.picture, id)
    let unsure = try small.map {
      Self.rounded(try ReviewScores.unsure($0, mask: ReviewScores.reduced(masks, as: $0)))
    }
    let area = Self.rounded(marked / Double(width * height))
    let made = origin.map {
      ReviewItem.Made(
        model: $0.model, input: $0.input, image: image.path, imageHash: image.hash, thumbnail: thumbnail,
        unsure: unsure, movement: nil, area: area, presence: presence.map(Self.rounded))
    }
    let item = ReviewItem(
      id: id, masks: drawn, modelHash: ReviewMask.hash(drawn, layers: layers),
      probability: try small.map { small in
        try layers.enumerated().map { try Self.levels(of: small, $0, named: $1) }
      },
      confidence: marked > 0 ? inside.map { Self.rounded($0 / marked) } : nil,
      expectedDice: look.certainty?.expectedDice, uncertainty: look.certainty?.uncertainty,
      distance: look.certainty?.distance, warnings: look.certainty?.warnings, explanation: nil, made: made)
    // The picture comes first: an item that is there has its own.
    try ReviewScript.write(item, calling: .item, to: folder.itemFile(id))
    return ReviewQueue.Row(
      id: id, file: input.file, image: image.path, thumbnail: thumbnail, site: nil, group: input.group,
      width: width, height: height, unsure: unsure, movement: nil, area: area,
      presence: presence.map(Self.rounded), video: input.video, frame: input.frame, time: input.source.time,
      lesionClass: input.lesionClass)
  }

  /// Adds an explanation to an item that was written.
  ///
  /// - Parameters:
  ///   - changes: the changed masks.
  ///   - strength: how strongly confounders were set.
  ///   - row: the row of the item.
  /// - Returns: the row with the movement of the mask.
  /// - Throws: an error that names the file.
  package func add(
    _ changes: ExplainedChanges, strength: Double, to row: ReviewQueue.Row
  ) throws -> ReviewQueue.Row {
    func change(_ change: ExplainedChanges.Change, strength: Double? = nil) throws -> ReviewItem.Change {
      ReviewItem.Change(
        dice: Self.rounded(change.dice), masks: [try ReviewMask(layer: layers[0], mask: change.mask)],
        area: Self.rounded(try change.mask.to(.float32).mean().item()), strength: strength)
    }
    var item: ReviewItem = try ReviewScript.read(folder.itemFile(row.id), calling: .item)
    item.explanation = ReviewItem.Explanation(
      attends: changes.attends,
      confounders: try changes.entries.map { entry in
        ReviewItem.Confounder(
          name: entry.confounder.name, group: entry.confounder.group,
          seen: Self.rounded(entry.attention ?? entry.zeroShot), attention: entry.attention.map(Self.rounded),
          zeroShot: Self.rounded(entry.zeroShot), without: try entry.without.map { try change($0) },
          added: try entry.added.map { try change($0, strength: strength) })
      },
      interventionOff: try changes.off.map { try change($0) })
    var row = row
    row.movement = changes.movement.map(Self.rounded)
    item.made?.movement = row.movement
    try ReviewScript.write(item, calling: .item, to: folder.itemFile(row.id))
    return row
  }

  /// Writes the timeline of a video.
  ///
  /// - Parameters:
  ///   - video: the video.
  ///   - id: its ID.
  /// - Throws: `FileError` that names the file.
  package func write(_ video: ReviewedVideo, id: String) throws {
    let frames = video.frames
    try ReviewScript.write(
      ReviewTimeline(
        id: id, index: frames.map(\.index), time: frames.map(\.time),
        area: frames.map { $0.areaRaw.map(Self.rounded) },
        confidence: frames.map { $0.confidence.map(Self.rounded) },
        skipped: frames.map { $0.skipped?.rawValue }, cuts: frames.filter { $0.cut == true }.map(\.time)),
      calling: .video, to: folder.videoFile(id))
  }

  /// Writes the picture at its own size: the bytes of a file that browsers show as it is, else a PNG.
  private func writeImage(
    _ input: ReviewInput, _ picture: Tensor, _ id: String
  ) throws -> (path: String, hash: String) {
    if input.source.reading == nil {
      let data = try Data(file: input.source.file, limit: ImageLimits.default.maximumFileBytes)
      let facts = try ImageFile.facts(of: Array(data), file: input.source.file.path)
      if facts.isUpright, facts.format == .jpeg || facts.format == .png {
        return (try put(data, "images/\(id).\(facts.format.ending)"), Self.hash(data))
      }
    }
    let data = try Image(picture).pngData()
    return (try put(data, "images/\(id).png"), Self.hash(data))
  }

  /// Writes a picture of 96 rows; nil for one that is as small.
  private func writeThumbnail(_ picture: Tensor, _ id: String) throws -> String? {
    let (height, width) = (try picture.size(1), try picture.size(2))
    guard height > Self.thumbnailRows else { return nil }
    let columns = max(1, Int((Double(width * Self.thumbnailRows) / Double(height)).rounded()))
    let small = try PillowResampling(.bilinear)(picture, height: Self.thumbnailRows, width: columns)
    return try put(Image(small).jpegData(quality: 80), "thumbnails/\(id).jpg")
  }

  private static let thumbnailRows = 96

  private func put(_ data: Data, _ path: String) throws -> String {
    let url = folder.url.appendingPathComponent(path)
    if (try? Data(file: url)) != data { try AtomicFile.write(data, to: url) }
    return path
  }

  /// A hash of the bytes of a picture.
  static func hash(_ data: Data) -> String {
    var hash = ContentHash()
    hash.combine(data)
    return hash.text
  }

  private static func levels(
    of maps: Tensor, _ index: Int, named layer: String
  ) throws -> ReviewItem.Probability {
    let levels: [UInt8] = try (maps.selected(dim: 0, index: index) * 255).rounded().to(.uint8).reshaped([-1])
      .array()
    return ReviewItem.Probability(
      layer: layer, width: try maps.size(2), height: try maps.size(1),
      levels: Data(levels).base64EncodedString())
  }

  /// Four decimals, which keep the files small.
  private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }
}
