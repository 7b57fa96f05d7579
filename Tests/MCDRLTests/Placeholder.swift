import Testing
@testable import MCDRL
