import Storage

/// An item of a review: `items/ID.js`.
package struct ReviewItem: Codable, Equatable, Sendable {
  /// The probability of a layer at a reduced size.
  package struct Probability: Codable, Equatable, Sendable {
    package var layer: String
    package var width: Int
    package var height: Int
    /// Base64 of a byte a pixel: the probability times 255.
    package var levels: String
  }

  /// The masks of a changed model or image.
  package struct Change: Codable, Equatable, Sendable {
    /// Dice with the mask of the model.
    package var dice: Double
    package var masks: [ReviewMask]
    /// The share of the picture that is lesion; nil without the intervention.
    package var area: Double?
    /// How strongly the confounder was set; nil where none was.
    package var strength: Double?
  }

  /// A confounder.
  package struct Confounder: Codable, Equatable, Sendable {
    package var name: String
    @Nullable package var group: String?
    /// How much the model sees of it.
    @Nullable package var seen: Double?
    @Nullable package var attention: Double?
    @Nullable package var zeroShot: Double?
    /// What the model draws without it.
    @Nullable package var without: Change?
    /// What the model draws under do(z) of it.
    @Nullable package var added: Change?

    enum CodingKeys: String, CodingKey {
      case name, group, seen, attention, without, added
      case zeroShot = "zero_shot"
    }
  }

  /// What the model sees, and what its mask would be otherwise.
  package struct Explanation: Codable, Equatable, Sendable {
    /// Whether the model attends to its confounders.
    package var attends: Bool
    package var confounders: [Confounder]
    /// The masks without any intervention.
    @Nullable package var interventionOff: Change?

    enum CodingKeys: String, CodingKey {
      case attends, confounders
      case interventionOff = "intervention_off"
    }
  }

  /// What the item was made of, with its numbers of the queue, so that a later call can keep it.
  package struct Made: Codable, Equatable, Sendable {
    /// The hash of the model and its settings.
    package var model: String
    /// The hash of the input.
    package var input: String
    /// The path of the picture, and the hash of its bytes.
    package var image: String
    package var imageHash: String
    @Nullable package var thumbnail: String?
    @Nullable package var unsure: Double?
    @Nullable package var movement: Double?
    package var area: Double
    @Nullable package var presence: Double?

    enum CodingKeys: String, CodingKey {
      case model, input, image, thumbnail, unsure, movement, area, presence
      case imageHash = "image_hash"
    }
  }

  package var id: String
  package var masks: [ReviewMask]
  package var modelHash: String
  @Nullable package var probability: [Probability]?
  /// The mean probability inside the mask.
  @Nullable package var confidence: Double?
  /// Of a calibrated run.
  package var expectedDice: Double?
  package var uncertainty: Double?
  package var distance: Double?
  package var warnings: [String]?
  @Nullable package var explanation: Explanation?
  /// Of an item that a run made.
  package var made: Made?

  enum CodingKeys: String, CodingKey {
    case id, masks, probability, confidence, uncertainty, distance, warnings, explanation, made
    case modelHash = "model_hash"
    case expectedDice = "expected_dice"
  }
}

/// The timeline of a video: `videos/ID.js`.
package struct ReviewTimeline: Codable, Equatable, Sendable {
  package var id: String
  package var index: [Int]
  package var time: [Double]
  package var area: [Double?]
  package var confidence: [Double?]
  package var skipped: [String?]
  package var cuts: [Double]
}
