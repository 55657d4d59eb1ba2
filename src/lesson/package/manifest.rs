//! The manifests: `imsmanifest.xml` of SCORM 1.2 and 2004, `tincan.xml` of xAPI packages.

use super::Content;
use crate::locale::Lang;
use crate::text::xml;

fn files(names: &[&str]) -> String {
    names.iter().map(|name| format!("      <file href=\"{}\"/>\n", xml(name))).collect()
}

/// SCORM 1.2: one organisation, one item, one SCO.
pub fn scorm12(content: &Content, names: &[&str]) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="{id}" version="1.0" xmlns="http://www.imsproject.org/xsd/imscp_rootv1p1p2" xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_rootv1p2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.imsproject.org/xsd/imscp_rootv1p1p2 imscp_rootv1p1p2.xsd http://www.adlnet.org/xsd/adlcp_rootv1p2 adlcp_rootv1p2.xsd">
  <metadata>
    <schema>ADL SCORM</schema>
    <schemaversion>1.2</schemaversion>
  </metadata>
  <organizations default="organization">
    <organization identifier="organization">
      <title>{title}</title>
      <item identifier="item" identifierref="resource" isvisible="true">
        <title>{title}</title>
      </item>
    </organization>
  </organizations>
  <resources>
    <resource identifier="resource" type="webcontent" adlcp:scormtype="sco" href="{launch}">
{files}    </resource>
  </resources>
</manifest>
"#,
        id = xml(&content.id),
        title = xml(&content.title),
        launch = xml(&content.launch),
        files = files(names),
    )
}

/// SCORM 2004, 4th edition: one activity. The app says itself whether it is completed and passed.
pub fn scorm2004(content: &Content, names: &[&str]) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="{id}" version="1.0" xmlns="http://www.imsglobal.org/xsd/imscp_v1p1" xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_v1p3" xmlns:adlseq="http://www.adlnet.org/xsd/adlseq_v1p3" xmlns:adlnav="http://www.adlnet.org/xsd/adlnav_v1p3" xmlns:imsss="http://www.imsglobal.org/xsd/imsss" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.imsglobal.org/xsd/imscp_v1p1 imscp_v1p1.xsd http://www.adlnet.org/xsd/adlcp_v1p3 adlcp_v1p3.xsd http://www.adlnet.org/xsd/adlseq_v1p3 adlseq_v1p3.xsd http://www.adlnet.org/xsd/adlnav_v1p3 adlnav_v1p3.xsd http://www.imsglobal.org/xsd/imsss imsss_v1p0.xsd">
  <metadata>
    <schema>ADL SCORM</schema>
    <schemaversion>2004 4th Edition</schemaversion>
  </metadata>
  <organizations default="organization">
    <organization identifier="organization">
      <title>{title}</title>
      <item identifier="item" identifierref="resource">
        <title>{title}</title>
        <imsss:sequencing>
          <imsss:deliveryControls completionSetByContent="true" objectiveSetByContent="true"/>
        </imsss:sequencing>
      </item>
    </organization>
  </organizations>
  <resources>
    <resource identifier="resource" type="webcontent" adlcp:scormType="sco" href="{launch}">
{files}    </resource>
  </resources>
</manifest>
"#,
        id = xml(&content.id),
        title = xml(&content.title),
        launch = xml(&content.launch),
        files = files(names),
    )
}

/// `tincan.xml`: one course activity with its launch page.
pub fn tincan(content: &Content, lang: Lang) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<tincan xmlns="http://projecttincan.com/tincan.xsd">
  <activities>
    <activity id="https://giljabi.dev/xapi/{id}" type="http://adlnet.gov/expapi/activities/course">
      <name>{title}</name>
      <description lang="{lang}">{title}</description>
      <launch lang="{lang}">{launch}</launch>
    </activity>
  </activities>
</tincan>
"#,
        id = xml(&content.id),
        title = xml(&content.title),
        lang = lang.tag(),
        launch = xml(&content.launch),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_a_manifest() {
        let content = Content {
            id: "a\"b".into(),
            title: "</title><script>".into(),
            launch: "index.html?a=1&b=2".into(),
            lessons: Vec::new(),
        };
        for text in [scorm12(&content, &["x<y"]), scorm2004(&content, &[]), tincan(&content, Lang::Ko)] {
            assert!(!text.contains("<script>") && text.contains("a=1&amp;b=2"), "{text}");
        }
    }
}
