import Imaging

extension StudyReport {
  /// Makes the page of a study that has no result yet: some of its images.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: a summary of the study, one or two sentences.
  ///   - status: what is still missing.
  ///   - rows: the images.
  /// - Returns: HTML of a page that reloads itself.
  /// - Throws: `ImagingError.notEncoded`.
  package static func opening(
    title: String, lead: String, status: String, rows: [Example]
  ) throws -> String {
    var page = HTMLPage(title: title, lead: lead, status: status)
    page.section("The images", "Blue: the reference.")
    for row in rows { try page.gallery(row.text, row.pictures) }
    return page.text
  }

  /// Adds scenes under interventions.
  func scenes(_ page: inout HTMLPage) throws {
    guard !examples.isEmpty else { return }
    page.section(
      "One scene under every intervention", "Blue: the reference. Yellow: the prediction of one model.")
    for example in examples { try page.gallery(example.text, example.pictures) }
  }
}
