import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Segmentation
import Storage
import Studies
import Torch
import Training

/// A finished run written by hand, to make model cards of: no image, no training.
package enum CardExample {
  /// The settings: a baseline of the sites east and west, north held out.
  package static var settings: RunConfiguration {
    var settings = RunConfiguration()
    (settings.data, settings.clip, settings.holdOut) = ("/nowhere/polyps", "/nowhere/words/north", "north")
    settings.sources = ["east", "west"]
    (settings.imageSize, settings.epochs, settings.batchSize, settings.seed) = (64, 3, 4, 7)
    settings.model.method = .baseline
    return settings
  }

  /// What the run was made from: east states everything, west nothing.
  package static var provenance: Provenance {
    Provenance(
      sites: [
        Provenance.Site(
          name: "east", images: 8, groups: 4, statesGroups: true, withoutLesion: 1,
          masks: "0 and 255, where 255 is lesion", classes: ["polyp": 6, "cyst": 1],
          origin: DataOrigin(
            licence: "CC BY 4.0", source: "Hospital East", citation: "The images of Hospital East, 2020")),
        Provenance.Site(name: "west", images: 6, groups: 6),
      ],
      leakage: "checked, none found",
      weights: WeightsOrigin(
        name: "north",
        licences: [WeightsOrigin.Statement(part: "CLIP folder", file: "README.md", licence: "mit")],
        wordsOf: ["east", "west"]))
  }

  /// Writes the least that is a run: settings, prompts and the geometry of the CLIP.
  package static func writeSettings(
    to url: URL, _ change: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws {
    let folder = RunFolder(url)
    var settings = settings
    try change(&settings)
    let file = Project.file("Configurations/vit-tiny-p8-64.json")
    try folder.write(PromptSet(.endoscopy).limited(to: 2), to: folder.promptsFile)
    try folder.write(
      ClipDescription(
        geometry: CLIPConfiguration(contentsOf: file), preparation: ImagePreparation(size: 64)),
      to: folder.clipFile)
    try folder.write(settings, to: folder.configurationFile)
  }

  /// Writes the whole run: held out, north has seven images of Dice 0.5; west has two, without a table.
  package static func write(
    to url: URL, _ change: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws {
    let folder = RunFolder(url)
    try writeSettings(to: url, change)
    try folder.write(provenance, to: folder.provenanceFile)
    try text(
      """
      {"data": {"east": "fnv1a64:00000000000000aa", "west": "fnv1a64:00000000000000bb"},
       "images": {"east": ["fnv1a64:0000000000000001"], "west": ["fnv1a64:0000000000000002"]},
       "weights": "fnv1a64:00000000000000cc", "version": "0.1.0", "libtorch": "2.13.0"}
      """, to: folder.fingerprintFile)
    let scores = [(0.5, true), (0.6, true), (0.55, false)]
    try text(
      scores.enumerated().map { index, score in
        """
        {"epoch": \(index + 1), "loss": 1, "segmentation": 1, "intervening": false, "seconds": 60, \
        "validation_dice": \(score.0), "validation_score": \(score.0), "best": \(score.1)}
        """
      }.joined(separator: "\n") + "\n", to: folder.metricsFile)
    try text(validation, to: folder.validationFile)
    try SafetensorsFile.write(
      [
        "tower.a": .zeros([2, 3]), "model.head.b": .zeros([4]), "text.classes": .zeros([5, 2]),
      ], to: folder.weightsFile)
    try writeEvaluation(of: "north", in: url, hits: Array(repeating: 1, count: 7))
    try writeEvaluation(of: "west", in: url, hits: [3, 3], heldOut: false, isWhole: false)
  }

  /// Writes the evaluation of a site, whose images have a lesion of three pixels each.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - url: the run folder.
  ///   - hits: how many of the three pixels each image has; a Dice of 0.5 for one, of 1 for three.
  ///   - heldOut: whether none of the images was trained on.
  ///   - isWhole: whether to write all parts and the table; otherwise what an earlier version wrote.
  ///   - stem: what stands for the site in the names of the files; nil for the site.
  /// - Throws: an error that names the file.
  package static func writeEvaluation(
    of site: String, in url: URL, hits: [Int], heldOut: Bool = true, isWhole: Bool = true,
    stem: String? = nil
  ) throws {
    let name = "evaluation-\(stem ?? site)"
    let scores = try hits.map { try StudyExample.scores(lesion: 3, hits: $0) }
    var members: [String: JSONValue] = [
      "site": .string(site), "method": "baseline", "seed": 7, "threshold": .number(0.5),
      "held_out": .bool(heldOut), "n_trained_on": .integer(heldOut ? 0 : hits.count), "namesake": false,
      "model": try JSONValue(encoding: ScoreSummary(of: scores)), "findings": .array([]),
    ]
    if isWhole {
      var reliability = try Reliability()
      try reliability.add(
        ProbabilityMap(width: 2, height: 1, values: [0.8, 0.1]),
        reference: BinaryMask(width: 2, height: 1, pixels: [1, 0]))
      members["calibration"] = try JSONValue(encoding: reliability.summary)
      members["inference"] = try JSONValue(encoding: InferenceConfiguration())
      members["precision"] = "float32"
      members["decoding"] = "whole"
      let nothing = try hits.map { _ in try StudyExample.scores(lesion: 3, hits: 0) }
      let everything = try hits.map { _ in try StudyExample.scores(lesion: 3, hits: 3, extra: 97) }
      members["trivial"] = .object([
        "all background": try JSONValue(encoding: ScoreSummary(of: nothing)),
        "all lesion": try JSONValue(encoding: ScoreSummary(of: everything)),
      ])
      var table = PerImageTable(labels: ["site", "image", "group", "class"])
      for (index, score) in scores.enumerated() {
        try table.append([site, "\(index)", "\(site)/p\(index)", index < 5 ? "polyp" : "cyst"], score)
      }
      try table.write(to: url.appendingPathComponent("\(name).csv"))
    }
    try AtomicFile.write(
      json: JSONValue.object(members), to: url.appendingPathComponent("\(name).json"))
  }

  private static func text(_ text: String, to file: URL) throws {
    try AtomicFile.write(Data(text.utf8), to: file)
  }

  private static let validation = """
    {"epoch": 2, "selection": "marked-dice",
     "model": {"n": 4, "n_with_lesion": 3, "dice": 0.6, "dice_with_lesion": 0.5, "iou": 0.5,
       "iou_with_lesion": 0.4, "marked_dice": 0.5, "marked_share": 0.1, "reference_share": 0.1,
       "unmarked_share": 0},
     "trivial": {"all background": {"n": 4, "n_with_lesion": 3, "dice": 0.25, "dice_with_lesion": 0,
       "iou": 0.25, "iou_with_lesion": 0, "marked_dice": 0, "marked_share": 0, "reference_share": 0.1,
       "unmarked_share": 1}}}
    """
}
