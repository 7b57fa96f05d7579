import Segmentation

extension RunConfiguration {
  /// The options of MCDRL: those of the run, or the defaults where another method is chosen.
  ///
  /// Setting them changes nothing where another method is chosen.
  public var mcdrl: MCDRL.Options {
    get { model.method.options(of: MCDRL.self) ?? MCDRL.Options() }
    set { model.method = model.method.changing(MCDRL.self) { $0 = newValue } }
  }

  /// The present dotted name of a setting, which may have had another one in an earlier version.
  package static func presentName(_ name: String) -> String {
    EarlierNames.present(name.split(separator: ".").map(String.init)).joined(separator: ".")
  }
}
