import Storage
import Torch

/// A method and its options, as a value for settings.
public struct MethodChoice: Sendable {
  private let box: any MethodBox

  /// Chooses a method.
  ///
  /// - Parameters:
  ///   - type: the class of the method.
  ///   - options: the options of the method.
  public init<Method: ConfigurableMethod>(_ type: Method.Type, _ options: Method.Options = .init()) {
    box = Box<Method>(options: options)
  }

  private init(box: any MethodBox) { self.box = box }

  /// The paper's method with our defaults.
  public static var mcdrl: MethodChoice { MethodChoice(MCDRL.self) }
  /// The baseline shown interventions as augmentation, the default.
  public static var baselineInterventions: MethodChoice { MethodChoice(BaselineInterventions.self) }
  /// The tower and the head, without a method.
  public static var baseline: MethodChoice { MethodChoice(Baseline.self) }

  /// The name.
  public var name: String { box.name }
  /// The description in one line.
  public var summary: String { box.summary }
  /// The paper; empty for none.
  public var reference: String { box.reference }
  /// The properties that follow from the options.
  public var traits: MethodTraits { box.traits }

  /// Returns the options as a method's own type; nil for another method.
  ///
  /// - Parameter type: the class of the method.
  /// - Returns: the options.
  public func options<Method: ConfigurableMethod>(of type: Method.Type) -> Method.Options? {
    (box as? Box<Method>)?.options
  }

  /// Changes the options if this is the given method, and returns the result.
  ///
  /// Another method is returned unchanged.
  ///
  /// - Parameters:
  ///   - type: the class of the method.
  ///   - change: changes the options.
  /// - Returns: the choice with the changed options.
  public func changing<Method: ConfigurableMethod>(
    _ type: Method.Type, _ change: (inout Method.Options) throws -> Void
  ) rethrows -> MethodChoice {
    guard var options = options(of: type) else { return self }
    try change(&options)
    return MethodChoice(type, options)
  }

  /// Checks the options.
  ///
  /// - Throws: `MethodError.option` that names the option.
  public func validate() throws { try box.validate() }

  /// Makes the method.
  ///
  /// - Parameter context: the inputs of the method.
  /// - Returns: the method.
  /// - Throws: `MethodError` or `TorchError` for impossible options.
  public func make(_ context: MethodContext) throws -> SegmentationMethod {
    try validate()
    return try box.make(context)
  }

  /// All options as JSON.
  package var json: JSONValue { get throws { try box.json } }

  /// Returns the same method with options from JSON.
  ///
  /// - Parameter json: all options.
  /// - Returns: the choice with these options.
  /// - Throws: `DecodingError` for an invalid value of an option.
  package func with(json: JSONValue) throws -> MethodChoice { MethodChoice(box: try box.with(json: json)) }
}

extension MethodChoice: Equatable {
  /// Compares classes and options.
  public static func == (left: MethodChoice, right: MethodChoice) -> Bool { left.box.equals(right.box) }
}

/// A method's class with options of its type, behind one interface.
private protocol MethodBox: Sendable {
  var name: String { get }
  var summary: String { get }
  var reference: String { get }
  var traits: MethodTraits { get }
  var json: JSONValue { get throws }
  func validate() throws
  func make(_ context: MethodContext) throws -> SegmentationMethod
  func with(json: JSONValue) throws -> any MethodBox
  func equals(_ other: any MethodBox) -> Bool
}

private struct Box<Method: ConfigurableMethod>: MethodBox {
  let options: Method.Options
  var name: String { Method.name }
  var summary: String { Method.summary }
  var reference: String { Method.reference }
  var traits: MethodTraits { Method.traits(options) }
  var json: JSONValue { get throws { try JSONValue(encoding: options) } }
  func validate() throws { try options.validate() }
  func make(_ context: MethodContext) throws -> SegmentationMethod { try Method(options, context) }
  func with(json: JSONValue) throws -> any MethodBox {
    Box(options: try json.decoded(as: Method.Options.self))
  }
  func equals(_ other: any MethodBox) -> Bool { (other as? Box)?.options == options }
}
