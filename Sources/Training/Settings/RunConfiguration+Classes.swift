import Segmentation
import Storage

extension RunConfiguration {
  /// The most classes, because each is a whole map of probabilities.
  private static let mostClasses = 64

  /// Whether a prediction has several masks.
  package var segmentsClasses: Bool { classes.count > 1 }

  /// The name of each mask of a prediction; nil for the one mask of all lesions.
  package var maskNames: [String?] { classes.isEmpty ? [nil] : classes }

  /// Returns the name of a class in file names: letters and digits as they are, others as hyphens.
  ///
  /// - Parameter name: the name of a class.
  /// - Returns: the name in lower case.
  package static func fileName(ofClass name: String) -> String {
    String(name.lowercased().map { $0.isLetter || $0.isNumber || $0 == "_" ? $0 : "-" })
  }

  /// Checks the names of the classes, and that the method can segment so many.
  ///
  /// - Throws: `SettingsError` that names the setting, `MethodError.oneClass` that names the method.
  func validateClasses() throws {
    func fail(_ value: String, _ wanted: String) -> SettingsError {
      .outOfRange("classes", value: value, wanted: wanted)
    }
    guard classes.count <= Self.mostClasses else {
      throw fail("a list of \(classes.count)", "a list of at most \(Self.mostClasses)")
    }
    var files: [String: String] = [:]
    for name in classes {
      let file = Self.fileName(ofClass: name)
      guard file.contains(where: { $0 != "-" }) else {
        throw fail("\(classes)", "names with a letter or a digit")
      }
      if let other = files.updateValue(name, forKey: file) {
        throw fail(
          "\(classes)", "names that differ in letters and digits, which \"\(other)\" and \"\(name)\" do not")
      }
    }
    guard classes.count < 2 || inference.choose == .none else {
      throw SettingsError.outOfRange(
        "inference.choose", value: inference.choose.rawValue,
        wanted: "none: the rule of masks is chosen for one class")
    }
    guard classes.count < 2 || model.method.traits.segmentsClasses else {
      throw MethodError.oneClass(method: model.method.name, classes: classes)
    }
  }
}
