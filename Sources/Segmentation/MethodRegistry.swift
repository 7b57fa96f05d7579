import Storage
import Torch

/// The methods that settings may name.
public struct MethodRegistry: Sendable {
  /// Each method with its default options, in the order of help and documentation.
  public private(set) var methods: [MethodChoice]

  /// The methods of this package.
  public static let builtIn = MethodRegistry(methods: [
    MethodChoice(BaselineInterventions.self), MethodChoice(Baseline.self), MethodChoice(MCDRL.self),
    MethodChoice(Erasure.self), MethodChoice(CLIPSeg.self),
    MethodChoice(MixStyle.self), MethodChoice(FourierMixing.self), MethodChoice(CORAL.self),
    MethodChoice(GroupDRO.self), MethodChoice(IRM.self), MethodChoice(DANN.self), MethodChoice(UNet.self),
    MethodChoice(MIRO.self),
    MethodChoice(FeatureDrop.self), MethodChoice(RandConv.self), MethodChoice(IntensityNetworks.self),
    MethodChoice(StyLIP.self), MethodChoice(BiomedCoOp.self),
    MethodChoice(MedCLIPSeg.self), MethodChoice(CausalCLIPSeg.self),
  ])

  /// Returns a registry with one more method; it replaces a method of the same name.
  ///
  /// - Parameter type: the class of the method.
  /// - Returns: the registry.
  public func adding<Method: ConfigurableMethod>(_ type: Method.Type) -> MethodRegistry {
    MethodRegistry(methods: methods.filter { $0.name != type.name } + [MethodChoice(type)])
  }

  /// All names.
  public var names: [String] { methods.map(\.name) }

  /// Finds the method of a name, with its default options.
  ///
  /// - Parameter name: the name.
  /// - Returns: the method.
  /// - Throws: `MethodError.unknown` with the existing names.
  public func method(named name: String) throws -> MethodChoice {
    guard let method = methods.first(where: { $0.name == name }) else {
      throw MethodError.unknown(name: name, known: names)
    }
    return method
  }
}
