import Confounders
import Torch

/// The typed options of a method and their defaults; settings files hold them in `model.options`.
public protocol MethodOptions: Codable, Equatable, Sendable {
  /// Makes the defaults.
  init()
  /// Checks the values.
  ///
  /// - Throws: `MethodError.option` that names the option; call `require` to throw it.
  func validate() throws
}

extension MethodOptions {
  /// Accepts every value that the types allow.
  public func validate() throws {}

  /// Checks one number.
  ///
  /// - Parameters:
  ///   - name: the option's name after `model.options.`.
  ///   - value: its value.
  ///   - range: the valid values.
  /// - Throws: `MethodError.option` if the value is out of range.
  public func require(_ name: String, _ value: Double, in range: ClosedRange<Double>) throws {
    guard range.contains(value) else {
      let wanted =
        range.upperBound == .greatestFiniteMagnitude
        ? "a number of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw MethodError.option(name: name, value: "\(value)", wanted: wanted)
    }
  }

  /// Checks one integer.
  ///
  /// - Parameters:
  ///   - name: the option's name after `model.options.`.
  ///   - value: its value.
  ///   - range: the valid values.
  /// - Throws: `MethodError.option` if the value is out of range.
  public func require(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw MethodError.option(
        name: name, value: "\(value)", wanted: "from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// Checks a condition.
  ///
  /// - Parameters:
  ///   - condition: the condition.
  ///   - name: the option's name after `model.options.`.
  ///   - value: its value as text.
  ///   - wanted: a description of the valid values.
  /// - Throws: `MethodError.option` if it is false.
  public func require(_ condition: Bool, _ name: String, _ value: String, _ wanted: String) throws {
    guard condition else { throw MethodError.option(name: name, value: value, wanted: wanted) }
  }
}

/// No options.
public struct NoOptions: MethodOptions {
  /// Makes the only value.
  public init() {}
}

/// The properties of a method that follow from its options, before it is made.
public struct MethodTraits: Equatable, Sendable {
  /// Whether `images` changes images, so that features of a frozen tower cannot be cached.
  public var changesImages = false
  /// Whether `decode` replaces the common head, which is then not made.
  public var replacesHead = false
  /// Whether the losses compare with the tower as it began, which then runs in each step, too.
  public var needsPretrained = false
  /// Whether the method reads the image alone, so that the tower need not run.
  public var ignoresTower = false
  /// The tower layers of the method if `head.towerLayers` names none, as fractions of the depth.
  public var towerDepths: [Double] = []
  /// Whether the method reads the embedded prompts; without them it trains on a plain image trunk.
  public var readsWords = true
  /// Whether the method needs the text tower in training and inference.
  public var needsTextTower = false
  /// Whether the method trains on interventions if `interventions.share` is nil.
  public var trainsOnInterventions = false
  /// The source of the dictionary Z.
  public var dictionary = DictionarySource.words
  /// Whether the method sums over confounders, so that there is an F_ca.
  public var intervenes = false
  /// Whether the weights of the confounders depend on the image.
  public var attends = false
  /// The form of the sum over confounders that the weights were trained with.
  ///
  /// State it only if `represent` follows `ForwardPass.adjustment` and `entries`: a diagnosis then
  /// compares the forms. Nil for a method that sums in its own way, or not at all.
  public var adjustment: Adjustment?
  /// The fraction of the positions that the method selects; nil if it selects no regions.
  public var regionFraction: Double?
  /// The name of the region score in reports; state it if the method overrides `regionScore`.
  public var regionScore = RegionScore.lessNormal.rawValue
  /// Whether the method selects regions.
  public var selectsRegions: Bool { regionFraction != nil }
  /// Whether a loss term needs lesion classes.
  public var needsClasses = false
  /// Whether a loss term takes the mean of all classes for a lesion of an unknown class.
  public var averagesClasses = false
  /// Whether the method works with any number of masks K.
  ///
  /// A method that states it accepts masks of B×K×S×S in its losses. One that replaces the head
  /// decodes `MethodContext.maskCount` of them. Other methods are refused for several classes.
  public var segmentsClasses = false
  /// The part of a step that several processes share out; `tower` is right for every method.
  public var sharing = RowSharing.tower

  /// Makes the traits of a method that only adds to the loss.
  public init() {}

  /// The traits of a method that reads no words and segments any number of classes.
  public static let wordless: MethodTraits = {
    var traits = MethodTraits()
    (traits.readsWords, traits.segmentsClasses) = (false, true)
    return traits
  }()

  /// Returns these traits with the part of a step that several processes share out.
  func sharing(_ sharing: RowSharing) -> MethodTraits {
    var traits = self
    traits.sharing = sharing
    return traits
  }

  /// The traits of a method that changes images and nothing else.
  public static let changingImages: MethodTraits = {
    var traits = MethodTraits.wordless
    traits.changesImages = true
    traits.sharing = .all
    return traits
  }()
}

/// A method with its own name and options, which a registry can hold.
public protocol ConfigurableMethod: SegmentationMethod, SendableMetatype {
  /// The type of the options.
  associatedtype Options: MethodOptions = NoOptions
  /// The name in settings, tables and folders.
  static var name: String { get }
  /// The description in one line.
  static var summary: String { get }
  /// The paper of the method; empty for none.
  static var reference: String { get }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the prompts, the dictionary, the sizes and the seed.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  init(_ options: Options, _ context: MethodContext) throws

  /// Returns the properties that follow from the options.
  static func traits(_ options: Options) -> MethodTraits
}

extension ConfigurableMethod {
  /// No paper.
  public static var reference: String { "" }
  /// Returns the traits of a method that only adds to the loss.
  ///
  /// - Parameter options: the options.
  /// - Returns: the default traits.
  public static func traits(_ options: Options) -> MethodTraits { MethodTraits() }
}
