import Foundation
import Storage

/// The algorithm that a DICOM object names as its author, and what else its header says.
package struct DICOMAlgorithm: Sendable, Equatable {
  /// The name of the algorithm.
  package var name = "mcdrl"
  /// The version of the software.
  package var version = packageVersion
  /// The settings in one line, such as the threshold; it must hold nothing of a patient.
  package var parameters = ""
  /// A text that identifies the run and everything that changes its masks.
  ///
  /// UIDs derive from it and from the UIDs of the sources, so that the same run gives the same UIDs
  /// for the same images. An overlay without it has a new UID each time.
  package var fingerprint = ""
  /// The description of the new series; nil for one that names the algorithm.
  package var seriesDescription: String?
  /// The part of the body where the source does not state it.
  ///
  /// Nil is the large intestine if every class is a polyp of the colon, and otherwise not known.
  package var region: BodyRegion?
  /// The date and time of the object; nil for now.
  ///
  /// They are written in the time zone of this process, as DICOM means times.
  package var date: Date?

  /// Makes a description with defaults.
  package init() {}

  /// The same with the region that the classes imply, if none is set.
  func locating(_ segments: [DICOMSegmentation.Segment]) -> DICOMAlgorithm {
    var result = self
    if region == nil, !segments.isEmpty, segments.allSatisfy({ $0.code == .polyp }) {
      result.region = .largeIntestine
    }
    return result
  }

  /// The date as `YYYYMMDD` and the time as `HHMMSS`.
  func stamps(in zone: TimeZone = .current) -> (date: String, time: String) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second], from: date ?? Date())
    func digits(_ value: Int?, _ count: Int) -> String {
      let text = String(max(0, value ?? 0))
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return (
      digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2),
      digits(parts.hour, 2) + digits(parts.minute, 2) + digits(parts.second, 2)
    )
  }
}
