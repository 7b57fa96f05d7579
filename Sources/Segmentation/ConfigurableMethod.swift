import Confounders
import Torch

/// The typed options of a method, with their defaults; settings files hold them under `model.options`.
public protocol MethodOptions: Codable, Equatable, Sendable {
  /// The defaults.
  init()
  /// Checks the values.
  ///
  /// - Throws: `MethodError.option` that names the option; `require` throws it.
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
  ///   - range: the possible values.
  /// - Throws: `MethodError.option` when the value is out of range.
  public func require(_ name: String, _ value: Double, in range: ClosedRange<Double>) throws {
    guard range.contains(value) else {
      let wanted =
        range.upperBound == .greatestFiniteMagnitude
        ? "a number of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw MethodError.option(name: name, value: "\(value)", wanted: wanted)
    }
  }

  /// Checks one whole number.
  ///
  /// - Throws: `MethodError.option` when the value is out of range.
  public func require(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw MethodError.option(
        name: name, value: "\(value)", wanted: "from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// Checks a condition.
  ///
  /// - Throws: `MethodError.option` when it does not hold.
  public func require(_ condition: Bool, _ name: String, _ value: String, _ wanted: String) throws {
    guard condition else { throw MethodError.option(name: name, value: value, wanted: wanted) }
  }
}

/// No options.
public struct NoOptions: MethodOptions {
  /// The only value.
  public init() {}
}

/// Facts about a method that follow from its options, before it is made.
public struct MethodTraits: Equatable, Sendable {
  /// Whether `images` changes pictures, so that features of a frozen tower cannot be cached.
  public var changesImages = false
  /// Whether `decode` replaces the common head, which is then not made.
  public var replacesHead = false
  /// The tower's layers that it needs where `head.towerLayers` names none, as shares of the tower's depth.
  public var towerDepths: [Double] = []
  /// Whether it needs the text tower at training and inference.
  public var needsTextTower = false
  /// Whether it is trained on interventions unless `interventions.share` says otherwise.
  public var trainsOnInterventions = false
  /// The source of the dictionary Z.
  public var dictionary = DictionarySource.words
  /// Whether it sums over confounders: there is an F_ca.
  public var intervenes = false
  /// Whether the weights of the confounders depend on the image.
  public var attends = false
  /// Whether it selects regions.
  public var selectsRegions = false
  /// Whether a loss term needs lesion classes.
  public var needsClasses = false

  /// A method that only adds to the loss.
  public init() {}
}

/// A method with a name and options of its own, which a registry can hold.
public protocol ConfigurableMethod: SegmentationMethod, SendableMetatype {
  /// The type of its options.
  associatedtype Options: MethodOptions = NoOptions
  /// Its name in settings, tables and folders.
  static var name: String { get }
  /// A one-line description.
  static var summary: String { get }
  /// The paper it follows; empty for none.
  static var reference: String { get }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: checked by `validate`.
  ///   - context: everything it may be built from.
  /// - Throws: `TorchError` or `MethodError` for settings that are not possible.
  init(_ options: Options, _ context: MethodContext) throws

  /// Facts that follow from the options.
  static func traits(_ options: Options) -> MethodTraits
}

extension ConfigurableMethod {
  /// None.
  public static var reference: String { "" }
  /// A method that only adds to the loss.
  public static func traits(_ options: Options) -> MethodTraits { MethodTraits() }
}
