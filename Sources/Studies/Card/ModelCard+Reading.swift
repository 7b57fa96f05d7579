import Training

extension ModelCard {
  /// Makes the card of a run.
  ///
  /// - Parameters:
  ///   - run: the run.
  ///   - title: the heading; nil for the method and the sites.
  ///   - contact: whom to ask; nil for none.
  ///   - study: the scores of a study with the same settings; nil for none.
  ///   - software: the software in the program, with its licences.
  /// - Throws: an error that names the damaged file of the run.
  package init(
    of run: Run, title: String? = nil, contact: String? = nil, study: StudyEvidence? = nil,
    software: [Licence] = []
  ) throws {
    try self.init(CardFacts(run), title: title, contact: contact, study: study, software: software)
  }
}
