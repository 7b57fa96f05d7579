import Foundation
import Imaging
import Metrics
import Storage
import TestSupport
import Torch

@testable import Reviewing

/// A review of five pictures of 4×3 pixels from two sites, of which the run withheld the second.
final class ReviewFixture {
  let scratch: TemporaryFolder
  var url: URL { scratch.file("review") }
  static let ids = ["a0", "a1", "a2", "b0", "b1"]
  /// The mask of the model on every picture: the first two pixels of the first row.
  static let model: [UInt8] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

  /// The mask of the model in a second layer: it shares a pixel with the first.
  static let second: [UInt8] = [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]

  init(heldOut: [String] = ["b"], checked: Bool = true, layers: [String] = ["lesion"]) throws {
    scratch = try TemporaryFolder("review")
    for name in ReviewFolder.parts {
      try FileManager.default.createFolder(url.appendingPathComponent(name))
    }
    let folder = ReviewFolder(url)
    let rows = try Self.ids.map { id in
      let masks = try zip([Self.model, Self.second], layers).map { try Self.mask($0, $1) }
      let item = ReviewItem(
        id: id, masks: masks, modelHash: ReviewMask.hash(masks, layers: layers), probability: nil,
        confidence: 0.9, explanation: nil)
      try ReviewScript.write(item, calling: .item, to: folder.itemFile(id))
      let pixels = (0..<36).map { UInt8(truncatingIfNeeded: 7 * $0 + Int(id.utf8.last ?? 0)) }
      try ImageFile.writePNG(
        Image(width: 4, height: 3, channels: 3, pixels: pixels),
        to: url.appendingPathComponent("images/\(id).png"))
      return ReviewQueue.Row(
        id: id, file: "\(id).png", image: "images/\(id).png", thumbnail: nil, site: nil,
        group: id == "a0" || id == "a1" ? "patient-1" : nil, width: 4, height: 3, unsure: 0.5, movement: nil,
        area: 2 / 12, presence: 0.9, video: nil, frame: nil, time: nil, lesionClass: "polyp")
    }
    let origin = ReviewDocument.Origin(
      name: "run", method: "mcdrl", trainedOn: ["a"], heldOut: heldOut, heldOutChecked: checked, facts: [])
    _ = try folder.finish(
      ReviewMaker.Whole(
        rows: rows, sites: Self.ids.map { String($0.prefix(1)) }, videos: [], run: origin,
        classes: ["polyp", "adenoma"], title: "run: 5 items"),
      layers: layers, threshold: 0.5, identity: nil)
  }

  var content: ReviewContent { get throws { try ReviewContent(of: url) } }

  static func mask(_ pixels: [UInt8], _ layer: String = "lesion") throws -> ReviewMask {
    try ReviewMask(layer: layer, mask: Tensor(pixels, shape: [3, 4]).to(.bool))
  }

  /// A decision about an item; pixels are of a corrected mask.
  func decision(
    _ item: String, _ verdict: Decision.Verdict, by reviewer: String = "Ana", _ pixels: [UInt8]? = nil,
    at time: String = "2026-05-04T09:31:07.250Z"
  ) throws -> Decision {
    let content = try content
    return Decision(
      format: 1, review: content.document.id, item: item, reviewer: reviewer, time: time, verdict: verdict,
      lesionClass: nil, comment: "", masks: try pixels.map { [try Self.mask($0)] },
      modelHash: try content.item(item).modelHash, seconds: 3)
  }

  /// Stores decisions as the server does.
  func store(_ decisions: [Decision]) throws {
    let store = try DecisionStore(ReviewFolder(url))
    for decision in decisions { _ = try store.save(decision, replacing: 0) }
  }

  /// The files below a folder by path, with their bytes.
  static func files(_ folder: URL) throws -> [String: Data] {
    let walk = FileManager.default.enumerator(atPath: folder.path)
    var found: [String: Data] = [:]
    while let path = walk?.nextObject() as? String {
      let file = folder.appendingPathComponent(path)
      if FileSystem.kind(of: file) == .file { found[path] = try Data(contentsOf: file) }
    }
    return found
  }
}
