/// A direct argument of an operator: a tensor, number, truth value, text or list of these.
public protocol OperatorArgument {
  /// The value in the form of the dispatcher.
  var operatorValue: OperatorValue { get }
}

/// An element of a list that is an argument of an operator.
public protocol OperatorListElement {
  /// Returns the list in the form of the dispatcher.
  static func operatorList(_ list: [Self]) -> OperatorValue
}

extension OperatorValue: OperatorArgument {
  /// Itself.
  public var operatorValue: OperatorValue { self }
}
extension Tensor: OperatorArgument, OperatorListElement {
  /// The tensor.
  public var operatorValue: OperatorValue { .tensor(self) }
  /// Returns the tensors as a list.
  public static func operatorList(_ list: [Tensor]) -> OperatorValue { .tensors(list) }
}
extension Int: OperatorArgument, OperatorListElement {
  /// The integer.
  public var operatorValue: OperatorValue { .int(self) }
  /// Returns the integers as a list.
  public static func operatorList(_ list: [Int]) -> OperatorValue { .ints(list) }
}
extension Double: OperatorArgument, OperatorListElement {
  /// The number.
  public var operatorValue: OperatorValue { .double(self) }
  /// Returns the numbers as a list.
  public static func operatorList(_ list: [Double]) -> OperatorValue { .doubles(list) }
}
extension Bool: OperatorArgument, OperatorListElement {
  /// The truth value.
  public var operatorValue: OperatorValue { .bool(self) }
  /// Returns the truth values as a list.
  public static func operatorList(_ list: [Bool]) -> OperatorValue { .bools(list) }
}
extension String: OperatorArgument {
  /// The text.
  public var operatorValue: OperatorValue { .string(self) }
}
extension DType: OperatorArgument {
  /// The type.
  public var operatorValue: OperatorValue { .dtype(self) }
}
extension Device: OperatorArgument {
  /// The device.
  public var operatorValue: OperatorValue { .device(self) }
}
extension Generator: OperatorArgument {
  /// The generator.
  public var operatorValue: OperatorValue { .generator(self) }
}
extension Array: OperatorArgument where Element: OperatorListElement {
  /// The list.
  public var operatorValue: OperatorValue { Element.operatorList(self) }
}
