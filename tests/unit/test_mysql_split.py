"""A dump is taken apart by sed on a server as it is here: programs on one side, tables and rows on the other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.tools.mysql.split import HEAD, programs_in, sed_script, split_programs

pytestmark = pytest.mark.spec("R6")

TABLES = rb"""/*M!999999\- enable the sandbox mode */
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `two
lines` (
  `x` int DEFAULT NULL COMMENT 'a\n/*!50003 SET x */;\nDELIMITER ;;'
/*!50100 PARTITION BY HASH (`x`) */;
INSERT INTO `two
lines` VALUES
(1,'/*!50001 VIEW */;'),
(2,'DELIMITER ;;\n');
SET @saved_cs_client     = @@character_set_client;
"""
TRIGGER = b"""ALTER DATABASE `x` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN
INSERT INTO `log` VALUES (1);
-- Dump completed
END */;;
DELIMITER ;
"""
VIEW = b"""/*!50001 DROP VIEW IF EXISTS `v`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select 1 AS `\xff` */;
/*!50001 CREATE VIEW `w` AS SELECT
 1 AS `a`,
 1 AS `b` */;
/*!50106 SET TIME_ZONE= @save_time_zone */ ;
"""
MORE = b"-- Final view structure\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n-- Dump completed\n"
DUMP = TABLES + TRIGGER + b"INSERT INTO `y` VALUES (1);\n" + VIEW + MORE


def test_programs_are_what_stands_between_delimiters_and_in_their_comments() -> None:
    assert programs_in(DUMP) == HEAD + TRIGGER + VIEW
    assert programs_in(TABLES + MORE) == b""


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("sed") is None, reason="there is no sed")
def test_sed_takes_a_dump_apart_in_the_same_way(tmp_path: Path) -> None:
    written = tmp_path / "programs"
    command = ["sed", "-E", "-e", sed_script(str(written))]
    done = subprocess.run(command, input=DUMP, capture_output=True, check=True, env={"LC_ALL": "C"})
    assert done.stdout == TABLES + b"INSERT INTO `y` VALUES (1);\n" + MORE
    assert split_programs(written.read_bytes()) == programs_in(DUMP)


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("sed") is None, reason="there is no sed")
def test_what_sed_did_not_see_the_end_of_is_not_taken(tmp_path: Path) -> None:
    written = tmp_path / "programs"
    command = ["sed", "-E", "-e", sed_script(str(written))]
    subprocess.run(command, input=TABLES + TRIGGER[:-20], capture_output=True, check=True, env={"LC_ALL": "C"})
    assert split_programs(written.read_bytes()) is None
