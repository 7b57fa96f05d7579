import Storage
import Torch

/// The methods that settings may name.
public struct MethodRegistry: Sendable {
  /// Each method with its default options, in the order in which help and documentation list them.
  public private(set) var methods: [MethodChoice]

  /// The methods of this package.
  public static let builtIn = MethodRegistry(methods: [
    MethodChoice(MCDRL.self), MethodChoice(Baseline.self), MethodChoice(CLIPSeg.self),
    MethodChoice(MixStyle.self), MethodChoice(FourierMixing.self), MethodChoice(CORAL.self),
    MethodChoice(GroupDRO.self), MethodChoice(IRM.self), MethodChoice(DANN.self),
  ])

  /// The same with one more method; it replaces one of the same name.
  public func adding<Method: ConfigurableMethod>(_ type: Method.Type) -> MethodRegistry {
    MethodRegistry(methods: methods.filter { $0.name != type.name } + [MethodChoice(type)])
  }

  /// All names.
  public var names: [String] { methods.map(\.name) }

  /// The method of a name with its default options.
  ///
  /// - Throws: `MethodError.unknown` with the names there are.
  public func method(named name: String) throws -> MethodChoice {
    guard let method = methods.first(where: { $0.name == name }) else {
      throw MethodError.unknown(name: name, known: names)
    }
    return method
  }
}
