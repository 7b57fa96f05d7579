import Foundation

/// The metrics of one epoch; a line of `metrics.jsonl`.
///
/// The method's loss terms are entries under their own names.
public struct EpochMetrics: Codable, Equatable, Sendable {
  /// The number of the epoch, counted from 1.
  public var epoch: Int
  /// The whole objective, mean over steps.
  public var loss: Double
  /// L_seg, mean over steps.
  public var segmentation: Double
  /// The method's terms, unweighted: each the mean over the steps that had it.
  public var terms: [String: Double]
  /// Whether the method's intervention was on.
  public var intervening: Bool
  /// Mean Dice over the validation images at S×S; nil without a validation split.
  public var validationDice: Double?
  /// The score of these images that chose the epoch; nil if that is their mean Dice, or undefined.
  public var validationScore: Double?
  /// Whether the weights after this epoch, or their mean, replaced the stored ones.
  public var best: Bool
  /// Whether training stopped early after this epoch; see `RunConfiguration.patience`.
  public var stopped: Bool
  /// The wall time in seconds; only this entry and `waited` differ between equal runs.
  public var seconds: Double
  /// The seconds in which the network waited for images.
  public var waited: Double
  /// The number of processes that trained the epoch to its end; nil for one.
  public var processes: Int?

  /// Makes the value from its parts.
  package init(
    epoch: Int, loss: Double, segmentation: Double, terms: [String: Double] = [:], intervening: Bool = false,
    validationDice: Double?, validationScore: Double? = nil, best: Bool, stopped: Bool = false,
    seconds: Double, waited: Double = 0
  ) {
    self.epoch = epoch
    self.loss = loss
    self.segmentation = segmentation
    self.terms = terms
    self.intervening = intervening
    self.validationDice = validationDice
    self.validationScore = validationScore
    self.best = best
    self.stopped = stopped
    self.seconds = seconds
    self.waited = waited
  }

  /// Returns the score that a rule compares; nil if it is undefined.
  package func score(by selection: EpochSelection) -> Double? {
    selection == .dice ? validationDice : validationScore
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: Own) { stringValue = name.rawValue }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private enum Own: String, CaseIterable {
    case epoch, loss, segmentation, intervening, best, stopped, seconds, waited, processes
    case validationDice = "validation_dice"
    case validationScore = "validation_score"
  }

  /// The names that a method's terms must not have.
  static var reservedNames: Set<String> { Set(Own.allCases.map(\.rawValue)) }

  /// Decodes a line; every number that is not another entry is a term.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    epoch = try container.decode(Int.self, forKey: Key(.epoch))
    loss = try container.decode(Double.self, forKey: Key(.loss))
    segmentation = try container.decode(Double.self, forKey: Key(.segmentation))
    intervening = try container.decode(Bool.self, forKey: Key(.intervening))
    validationDice = try container.decodeIfPresent(Double.self, forKey: Key(.validationDice))
    validationScore = try container.decodeIfPresent(Double.self, forKey: Key(.validationScore))
    best = try container.decode(Bool.self, forKey: Key(.best))
    stopped = try container.decodeIfPresent(Bool.self, forKey: Key(.stopped)) ?? false
    seconds = try container.decode(Double.self, forKey: Key(.seconds))
    waited = try container.decodeIfPresent(Double.self, forKey: Key(.waited)) ?? 0
    processes = try container.decodeIfPresent(Int.self, forKey: Key(.processes))
    terms = [:]
    for key in container.allKeys where !Self.reservedNames.contains(key.stringValue) {
      if let value = try? container.decode(Double.self, forKey: key) { terms[key.stringValue] = value }
    }
  }

  /// Encodes a line.
  ///
  /// - Parameter encoder: the encoder.
  /// - Throws: `EncodingError`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(epoch, forKey: Key(.epoch))
    try container.encode(loss, forKey: Key(.loss))
    try container.encode(segmentation, forKey: Key(.segmentation))
    for (name, value) in terms { try container.encode(value, forKey: Key(stringValue: name)) }
    try container.encode(intervening, forKey: Key(.intervening))
    try container.encodeIfPresent(validationDice, forKey: Key(.validationDice))
    try container.encodeIfPresent(validationScore, forKey: Key(.validationScore))
    try container.encode(best, forKey: Key(.best))
    if stopped { try container.encode(true, forKey: Key(.stopped)) }
    try container.encode(seconds, forKey: Key(.seconds))
    try container.encode(waited, forKey: Key(.waited))
    try container.encodeIfPresent(processes, forKey: Key(.processes))
  }
}
