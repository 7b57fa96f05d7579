import Segmentation
import Training

extension RunConfiguration {
  /// The defaults, with MCDRL as the method.
  package static var ofMCDRL: RunConfiguration {
    var configuration = RunConfiguration()
    configuration.model.method = .mcdrl
    return configuration
  }

  /// The options of MCDRL, for tests that have chosen it; the defaults if they have not.
  ///
  /// Setting them leaves another method as it is.
  package var mcdrlOptions: MCDRL.Options {
    get { mcdrl ?? MCDRL.Options() }
    set { model.method = model.method.changing(MCDRL.self) { $0 = newValue } }
  }
}
