import Confounders
import Foundation
import Storage

/// Training on interventions (ours): images appear unchanged, x, and with a confounder set, do(z)x.
///
/// The prompt file has the mechanisms that set confounders. z is drawn from P(z).
public struct InterventionTraining: Codable, Equatable, Sendable {
  /// The fraction of a batch's images that appear again as do(z)x.
  ///
  /// It is 0 for none, nil for the method's own; `RunConfiguration.interventionShare` resolves it.
  @Nullable public var share: Double?
  /// The number of fixed do(z)x of each image if frozen layers see the same images in every epoch.
  ///
  /// Otherwise each step draws new ones.
  public var variants = 4
  /// The number of confounders that are set at once.
  public var count = 1
  /// The weight of L_seg on do(z)x; the weight on x is 1.
  public var segmentation = 1.0
  /// The source of P(z).
  public var prior = Prior.uniform
  /// The confounders of the new hospital in words, with commas between them; for `described`.
  @Nullable public var description: String?
  /// The names of confounders whose mechanisms are withheld.
  public var without: [String] = []
  /// The confounders that act by their words.
  public var styles = StyleUse.none
  /// What gives their styles: the words, or a control.
  public var directions = StyleDirections.words

  /// Makes the defaults.
  public init() {}

  /// Checks the values that types cannot.
  ///
  /// - Throws: `SettingsError` that names the setting.
  func validate() throws {
    func require(_ condition: Bool, _ name: String, _ value: Any, _ wanted: String) throws {
      guard condition else {
        throw SettingsError.outOfRange("interventions.\(name)", value: "\(value)", wanted: wanted)
      }
    }
    try require(
      share.map((0...1).contains) ?? true, "share", share ?? 0, "from 0 to 1, or null for the method's own")
    try require((1...1000).contains(variants), "variants", variants, "from 1 to 1000")
    try require((1...1000).contains(count), "count", count, "from 1 to 1000")
    try require(
      segmentation >= 0 && segmentation.isFinite, "segmentation", segmentation, "a number of at least 0")
    try require(
      prior != .described || !phrases.isEmpty, "description", description ?? "null",
      "the confounders of the new hospital in words, such as \"narrow-band imaging, dye\", because prior is described"
    )
  }

  /// The parts of the description.
  var phrases: [String] {
    (description ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }
}
