import Foundation

/// A model card that cannot be made.
package enum CardError: Error, Equatable, CustomStringConvertible {
  /// No arm of a study has the settings of the run.
  case otherStudy(URL, arm: String?, differences: [String], methods: [String], own: String)
  /// The runs of a study have another image tower than the run.
  case otherTower(URL, differences: [String])
  /// The results of a study have no scores of a method.
  case noScores(URL, method: String)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .otherStudy(let url, let arm?, let differences, _, _):
      "\(url.path): has no method with the settings of the run; in \(arm) \(Self.some(differences)); give a study of "
        + "the same settings"
    case .otherStudy(let url, nil, _, let methods, let own):
      "\(url.path): compares \(list(methods)), and the method of the run is \(own); give a study of the same method"
    case .otherTower(let url, let differences):
      "\(url.path): its runs have another image tower than the run: \(Self.some(differences)); give a study of the "
        + "same tower"
    case .noScores(let url, let method):
      "\(url.path)/results.json: has no scores of \(method); write the report of the study again"
    }
  }

  /// Lists the first few differences.
  private static func some(_ differences: [String]) -> String {
    let shown = differences.prefix(6).joined(separator: ", ")
    return differences.count > 6 ? "\(shown), and \(differences.count - 6) more" : shown
  }
}
