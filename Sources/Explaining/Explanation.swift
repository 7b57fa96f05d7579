import Metrics
import Storage

/// The attention of a model and the changes of its masks: `explanation.json`.
///
/// See docs/reference/explanation-format.md.
package struct Explanation: Codable, Equatable, Sendable {
  /// The explained model.
  package struct Model: Codable, Equatable, Sendable {
    /// The name of its run.
    package var run: String
    /// Its method.
    package var method: String
    /// The run's seed.
    package var seed: UInt64
    /// Whether it intervenes.
    package var intervenes: Bool
    /// Whether it selects regions.
    package var selectsRegions: Bool
    /// The computation of weights: `attention`, `prior` or `exact`.
    ///
    /// It is nil without an intervention, and for a method that sums in its own way.
    @Nullable package var adjustment: String?
    /// The content of the dictionary: `words`, `random`, `shuffled` or `constant`.
    ///
    /// It is nil without an intervention.
    @Nullable package var dictionary: String?
    /// S.
    package var imageSize: Int
    /// The arithmetic: `float32`, `bfloat16` or `int8`.
    package var precision: String
    /// The decoding of image files: `whole` or `reduced`.
    package var decoding: String
    /// The rule of lesion pixels.
    package var threshold: MaskThreshold
    /// The number of passes whose mean the run's masks are; an explanation looks at one of them.
    ///
    /// It is nil in a document of an earlier version.
    package var passes: Int?

    enum CodingKeys: String, CodingKey {
      case run, method, seed, intervenes, adjustment, dictionary, precision, decoding, threshold, passes
      case selectsRegions = "selects_regions"
      case imageSize = "size"
    }

    /// Makes a model from its parts.
    package init(
      run: String, method: String, seed: UInt64, intervenes: Bool, selectsRegions: Bool, adjustment: String?,
      dictionary: String?, imageSize: Int, precision: String, decoding: String,
      threshold: MaskThreshold, passes: Int = 1
    ) {
      self.run = run
      self.method = method
      self.seed = seed
      self.intervenes = intervenes
      self.selectsRegions = selectsRegions
      self.imageSize = imageSize
      self.precision = precision
      self.decoding = decoding
      self.threshold = threshold
      self.passes = passes
      self.adjustment = adjustment
      self.dictionary = dictionary
    }
  }

  /// An entry of the dictionary.
  package struct Confounder: Codable, Equatable, Sendable {
    /// Its name in tables.
    package var name: String
    /// The group of the entry.
    package var group: String
    /// Its change to an image; nil if no mechanism exists.
    @Nullable package var mechanism: String?
    /// Whether it moves the image, so that its masks are compared less exactly.
    package var movesPixels: Bool

    enum CodingKeys: String, CodingKey {
      case name, group, mechanism
      case movesPixels = "moves_pixels"
    }

    /// Makes an entry from its parts.
    package init(name: String, group: String, mechanism: String?, movesPixels: Bool = false) {
      self.name = name
      self.group = group
      self.movesPixels = movesPixels
      self.mechanism = mechanism
    }
  }

  /// The spread of the images.
  ///
  /// It is the root mean square distance of F, mean over positions, from its mean over images.
  package struct Spread: Codable, Equatable, Sendable {
    /// The spread of F; nil for fewer than two images.
    @Nullable package var observed: Double?
    /// The spread of F_ca; nil for fewer than two images and without an intervention.
    @Nullable package var intervened: Double?

    enum CodingKeys: String, CodingKey {
      case observed = "f"
      case intervened = "f_ca"
    }

    /// Makes a value from the two.
    package init(observed: Double?, intervened: Double?) {
      self.observed = observed
      self.intervened = intervened
    }
  }

  /// The model.
  package let model: Model
  /// The site, or nil for images of the user.
  @Nullable package var site: String?
  /// Whether the site was in training; nil if unknown.
  @Nullable package var trainedOn: Bool?
  /// The number of available images.
  package let available: Int
  /// The dictionary.
  package let confounders: [Confounder]
  /// The strengths of the sweep; empty without one.
  package let strengths: [Double]
  /// The spread of the images.
  package let spread: Spread
  /// Statistics over all images.
  package let summary: ExplanationSummary
  /// The agreement of the weights with the truth; nil if the truth is unknown.
  @Nullable package var faithfulness: Faithfulness?
  /// The images.
  package let images: [ExplainedImage]

  enum CodingKeys: String, CodingKey {
    case model, site, available, confounders, strengths, spread, summary, faithfulness, images
    case trainedOn = "trained_on"
  }

  /// Summarises images.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - site: the site; nil for images of the user.
  ///   - trainedOn: whether the site was in training.
  ///   - available: the number of available images.
  ///   - confounders: the dictionary.
  ///   - strengths: of the sweep; empty without one.
  ///   - spread: the spread of the images.
  ///   - images: the images, at least one.
  /// - Throws: `TorchError` if the generator fails.
  package init(
    model: Model, site: String? = nil, trainedOn: Bool? = nil, available: Int, confounders: [Confounder],
    strengths: [Double], spread: Spread, images: [ExplainedImage]
  ) throws {
    self.model = model
    self.available = available
    self.confounders = confounders
    self.strengths = strengths
    self.spread = spread
    self.images = images
    summary = try ExplanationSummary(images, confounders: confounders.map(\.name), spread: spread)
    self.site = site
    self.trainedOn = trainedOn
    faithfulness = try Faithfulness(images, confounders: confounders.map(\.name))
  }
}
