import Segmentation

extension RunConfiguration {
  /// The options of MCDRL; nil if another method is chosen.
  public var mcdrl: MCDRL.Options? { model.method.options(of: MCDRL.self) }

  /// Changes the options of MCDRL.
  ///
  /// - Parameter change: changes the options.
  /// - Throws: `SettingsError.otherMethod` if another method is chosen, or the error of `change`.
  public mutating func changeMCDRL(_ change: (inout MCDRL.Options) throws -> Void) throws {
    guard mcdrl != nil else {
      throw SettingsError.otherMethod(chosen: model.method.name, wanted: MCDRL.name)
    }
    model.method = try model.method.changing(MCDRL.self, change)
  }

  /// What reads the embedded prompts in training, the method or a setting; nil for nothing.
  package var readerOfWords: String? {
    if model.method.traits.readsWords { return "the method \(model.method.name)" }
    if interventions.styles != .none, interventionShare > 0 {
      return "interventions.styles=\(interventions.styles.rawValue)"
    }
    if interventions.prior != .uniform { return "interventions.prior=\(interventions.prior.rawValue)" }
    return nil
  }

  /// Returns the present dotted name of a setting, which may be a name of an earlier version.
  package static func presentName(_ name: String) -> String {
    EarlierNames.present(name.split(separator: ".").map(String.init)).joined(separator: ".")
  }
}
