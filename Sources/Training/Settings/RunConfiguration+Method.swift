import Segmentation

extension RunConfiguration {
  /// The options of MCDRL: those of the run, or the defaults if another method is chosen.
  ///
  /// Setting them has no effect if another method is chosen.
  public var mcdrl: MCDRL.Options {
    get { model.method.options(of: MCDRL.self) ?? MCDRL.Options() }
    set { model.method = model.method.changing(MCDRL.self) { $0 = newValue } }
  }

  /// Returns the present dotted name of a setting, which may be a name of an earlier version.
  package static func presentName(_ name: String) -> String {
    EarlierNames.present(name.split(separator: ".").map(String.init)).joined(separator: ".")
  }
}
