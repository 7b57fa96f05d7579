/// What may be handed to an operator as it is: tensors, numbers, truth values, text, lists of these.
public protocol OperatorArgument {
  /// The value as the dispatcher takes it.
  var operatorValue: OperatorValue { get }
}

/// What may stand in a list that is handed to an operator.
public protocol OperatorListElement {
  /// The list as the dispatcher takes it.
  static func operatorList(_ list: [Self]) -> OperatorValue
}

extension OperatorValue: OperatorArgument {
  /// Itself.
  public var operatorValue: OperatorValue { self }
}
extension Tensor: OperatorArgument, OperatorListElement {
  /// The tensor.
  public var operatorValue: OperatorValue { .tensor(self) }
  /// The tensors.
  public static func operatorList(_ list: [Tensor]) -> OperatorValue { .tensors(list) }
}
extension Int: OperatorArgument, OperatorListElement {
  /// The integer.
  public var operatorValue: OperatorValue { .int(self) }
  /// The integers.
  public static func operatorList(_ list: [Int]) -> OperatorValue { .ints(list) }
}
extension Double: OperatorArgument, OperatorListElement {
  /// The number.
  public var operatorValue: OperatorValue { .double(self) }
  /// The numbers.
  public static func operatorList(_ list: [Double]) -> OperatorValue { .doubles(list) }
}
extension Bool: OperatorArgument, OperatorListElement {
  /// The truth value.
  public var operatorValue: OperatorValue { .bool(self) }
  /// The truth values.
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
