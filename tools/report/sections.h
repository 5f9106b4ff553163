// The parts of a report's page, each a section of HTML.
#pragma once

#include <string>
#include <vector>

#include "figures/figures.h"
#include "report/data.h"
#include "report/report.h"

namespace tools {

std::string claim_section(const ReportData& data);
std::string summary_section(const ReportData& data);
std::string figures_section(const std::vector<Figure>& figures, const ReportOptions& options);
std::string verdicts_section(const ReportData& data);
// "" where nothing failed and nothing is left to do, or no bound was computed.
std::string broken_section(const ReportData& data);
std::string bounds_section(const ReportData& data);
std::string settings_section(const ReportData& data);
std::string commands_section(const ReportData& data, const ReportOptions& options);
std::string reading_section();

}  // namespace tools
